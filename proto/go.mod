module github.com/fairlead-batch/fairlead/proto

go 1.26.0
