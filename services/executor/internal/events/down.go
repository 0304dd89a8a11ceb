package events

import (
	"errors"
	"fmt"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// ErrUnknown is wrapped where a message is of a kind that this program does not know.
var ErrUnknown = errors.New("a message of an unknown kind; upgrade executors before schedulers")

// Down reads what a scheduler replica said. The message shares memory with m, which
// is not to be changed after.
func Down(from lease.Replica, m *executorv1.Down) (lease.Down, error) {
	message, err := downMessage(m)
	if err != nil {
		return lease.Down{}, err
	}
	return lease.Down{Replica: from, Epoch: m.GetEpoch(), Message: message}, nil
}

func downMessage(m *executorv1.Down) (lease.DownMessage, error) {
	switch m := m.GetMessage().(type) {
	case *executorv1.Down_Welcome:
		return lease.Welcome{Leads: m.Welcome.GetLeads()}, nil
	case *executorv1.Down_Leases:
		return leases(m.Leases)
	case *executorv1.Down_Stops:
		return stops(m.Stops)
	case *executorv1.Down_Acknowledgements:
		run, err := runs("acknowledgements.go", m.Acknowledgements.GetGo())
		return lease.Acknowledgements{Reports: m.Acknowledgements.GetReports(), Go: run}, err
	case *executorv1.Down_Heartbeat:
		return lease.HeartbeatAnswer{Number: m.Heartbeat.GetNumber()}, nil
	}
	return nil, ErrUnknown
}

func leases(m *executorv1.Leases) (lease.Leases, error) {
	out := lease.Leases{Leases: make([]*lease.Lease, len(m.GetLeases()))}
	for i, l := range m.GetLeases() {
		var err error
		if out.Leases[i], err = leaseFrom(l); err != nil {
			return lease.Leases{}, fmt.Errorf("leases[%d]: %w", i, err)
		}
	}
	return out, nil
}

func leaseFrom(l *executorv1.Lease) (*lease.Lease, error) {
	run, err := job.RunIDFrom(l.GetRun())
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	id, err := job.IDFrom(l.GetJob())
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	after, err := runs("after", l.GetAfter())
	if err != nil {
		return nil, err
	}
	return &lease.Lease{
		Run: run, Job: id, Queue: l.GetQueue(), JobSet: l.GetJobSet(), User: l.GetUser(), Groups: l.GetGroups(),
		Namespace: l.GetNamespace(), Labels: l.GetLabels(), Annotations: l.GetAnnotations(), Spec: l.GetPodSpec(),
		Node: l.GetNode(), Pool: l.GetPool(), PodName: l.GetPodName(), After: after,
		Tolerations: eventwire.TolerationsFrom(l.GetTolerations()), Gang: eventwire.GangFrom(l.GetGang()),
		GangLabelValue: l.GetGangLabelValue(), Requests: eventwire.AmountsFrom(l.GetRequests()),
		Services: l.GetServices(), Ingresses: l.GetIngresses(), Floating: l.GetFloatingResources(),
	}, nil
}

func stops(m *executorv1.Stops) (lease.Stops, error) {
	out := lease.Stops{Stops: make([]lease.Stop, len(m.GetStops()))}
	for i, s := range m.GetStops() {
		run, err := job.RunIDFrom(s.GetRun())
		if err != nil {
			return lease.Stops{}, fmt.Errorf("stops[%d].run: %w", i, err)
		}
		of, err := job.IDFrom(s.GetJob())
		if err != nil {
			return lease.Stops{}, fmt.Errorf("stops[%d].job: %w", i, err)
		}
		// A reason that is not known stops as well: it changes nothing.
		out.Stops[i] = lease.Stop{Run: run, Job: of, Reason: lease.StopReason(s.GetReason())} //nolint:gosec // a small number
	}
	return out, nil
}

func runs(field string, list [][]byte) ([]job.RunID, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]job.RunID, len(list))
	for i, b := range list {
		var err error
		if out[i], err = job.RunIDFrom(b); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", field, i, err)
		}
	}
	return out, nil
}
