// Command eventapi serves the events of job sets: api.Event.
package main

import (
	"os"

	"github.com/fairlead-batch/fairlead/services/eventapi/app"
	"github.com/fairlead-batch/fairlead/services/internal/process"
)

func main() {
	os.Exit(process.Main(process.Command[app.ProcessConfig]{
		Name: "eventapi", Short: "Serve the events of job sets", Defaults: app.DefaultProcessConfig(), Serve: app.Run, Migrate: app.Migrate,
	}))
}
