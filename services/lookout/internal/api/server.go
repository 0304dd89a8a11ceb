package api

import (
	"context"
	"time"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
	"github.com/fairlead-batch/fairlead/services/lookout/internal/view"
)

// Jobs are the rows of jobs and runs; what is not there is left out. The places are
// those of the same moment. Errors: Unavailable faults.
type Jobs interface {
	States(ctx context.Context, ids []job.ID) (map[job.ID]job.State, []project.Place, error)
	StatesByURI(ctx context.Context, key view.URIKey, most int) (map[job.ID]job.State, []project.Place, error)
	Jobs(ctx context.Context, ids []job.ID) ([]*view.Job, []project.Place, error)
	Runs(ctx context.Context, ids []job.RunID) ([]view.Run, []project.Place, error)
	Specs(ctx context.Context, ids []job.ID) ([]view.Spec, error)
}

// Active are the lists of what is active, each in order and cut at most. Errors:
// Unavailable faults.
type Active interface {
	ActiveSets(ctx context.Context, queue string, most int) ([]view.ActiveSet, []project.Place, error)
	ActiveQueues(ctx context.Context, most int) ([]view.ActiveQueue, []project.Place, error)
}

// Catchup compares the rows with the log.
type Catchup interface {
	Newest(ctx context.Context, p eventlog.Partition) (eventlog.Position, error)
	Reached(ctx context.Context, p eventlog.Partition, at eventlog.Position) error
}

// Deps are what a Server works with. All but Grants are needed.
type Deps struct {
	// Partitions is how many the events stream has.
	Partitions uint32
	Jobs       Jobs
	Active     Active
	Catchup    Catchup
	// Grants says who may do what on a queue, and whether there is such a queue. Nil:
	// no queue grants anything, and every queue may exist.
	Grants    func(ctx context.Context, queue string) ([]auth.Grant, bool, error)
	Authorize auth.Authorizer
	// IDsMax is how many ids a request may have.
	IDsMax int
	// CaughtUpWithin is the longest that a call waits for the rows.
	CaughtUpWithin time.Duration
}

// Server implements api.Jobs. It is safe for concurrent use.
type Server struct {
	apipb.UnimplementedJobsServer
	deps Deps
}

// New makes a server.
func New(deps Deps) *Server { return &Server{deps: deps} }
