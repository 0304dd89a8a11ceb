module github.com/fairlead-batch/fairlead/client

go 1.26.0
