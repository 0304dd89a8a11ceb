// Command executor runs one executor: the hand of Fairlead in one cluster.
package main

import (
	"os"

	"github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

func main() {
	os.Exit(process.Main(process.Command[app.Config]{
		Name: "executor", Short: "Run jobs in one cluster", Defaults: app.DefaultConfig(), Serve: app.Run,
	}))
}
