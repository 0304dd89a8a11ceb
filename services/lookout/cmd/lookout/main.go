// Command lookout serves what people ask about jobs: api.Jobs.
package main

import (
	"os"

	"github.com/fairlead-batch/fairlead/services/internal/process"
	"github.com/fairlead-batch/fairlead/services/lookout/app"
)

func main() {
	os.Exit(process.Main(process.Command[app.ProcessConfig]{
		Name: "lookout", Short: "Answer questions about jobs", Defaults: app.DefaultProcessConfig(), Serve: app.Run, Migrate: app.Migrate,
	}))
}
