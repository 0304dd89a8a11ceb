// Command scheduler decides which job runs where, and follows runs to their end.
package main

import (
	"os"

	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/scheduler/app"
)

func main() {
	os.Exit(process.Main(process.Command[app.ProcessConfig]{
		Name: "scheduler", Short: "Decide which job runs where", Defaults: app.DefaultProcessConfig(), Serve: app.Run, Migrate: app.Migrate,
	}))
}
