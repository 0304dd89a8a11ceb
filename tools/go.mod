module github.com/fairlead-batch/fairlead/tools

go 1.26.0
