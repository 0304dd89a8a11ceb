// Command submit takes jobs and queues: api.Submit and api.QueueService, and the
// front door to the other services.
package main

import (
	"os"

	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/submit/app"
)

func main() {
	os.Exit(process.Main(process.Command[app.ProcessConfig]{
		Name: "submit", Short: "Take jobs and queues", Defaults: app.DefaultProcessConfig(), Serve: app.Run, Migrate: app.Migrate,
	}))
}
