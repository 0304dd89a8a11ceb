package api

import (
	"fmt"

	executorv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/executor/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/internal/lead"
)

// Ear turns what an executor says in one session into inputs of the core, in order.
// Make it with [NewEar]. One goroutine.
type Ear struct {
	hello     hello
	connected bool
}

// NewEar listens to a session of which nothing was heard.
func NewEar(session lead.Session) *Ear {
	return &Ear{hello: hello{in: lead.Connected{Session: session}}}
}

// Hear takes the next message. The first input is lead.Connected, with the last page
// of the hello; before that it is nil. A message that breaks the rules of the stream
// is invalid, and the session is to be closed.
func (e *Ear) Hear(up *executorv1.Up) (lead.Input, error) {
	if e.connected {
		return said(e.hello.in.Session, up)
	}
	page := up.GetHello()
	if page == nil {
		return nil, invalid("message", "", "must be hello until its last page")
	}
	last, err := e.hello.add(page)
	if err != nil || !last {
		return nil, err
	}
	e.connected = true
	return e.hello.in, nil
}

// Installation is the one that the executor says it belongs to; empty before its
// hello, and for an executor that does not say.
func (e *Ear) Installation() string { return e.hello.installation }

// Executor is the executor's name; empty before its hello.
func (e *Ear) Executor() string { return e.hello.in.Executor }

// hello gathers the pages of an executor's hello.
type hello struct {
	installation string
	in           lead.Connected
	begun        bool
}

// add takes a page. It says whether it was the last.
func (h *hello) add(page *executorv1.Hello) (bool, error) {
	if !h.begun {
		if err := h.begin(page); err != nil {
			return false, err
		}
	} else if page.GetExecutor() != h.in.Executor || [16]byte(pad(page.GetSession())) != h.in.Began {
		return false, invalid("hello.session", page.GetExecutor(), "every page of a hello is of one session")
	}
	for _, r := range page.GetRuns() {
		run, err := knownRun(r)
		if err != nil {
			return false, err
		}
		h.in.Runs = append(h.in.Runs, run)
	}
	for _, n := range page.GetNodes() {
		h.in.Nodes = append(h.in.Nodes, node(n))
	}
	if len(h.in.Runs) > HelloRunsMax {
		return false, invalid("hello.runs", len(h.in.Runs), fmt.Sprintf("at most %d runs", HelloRunsMax))
	}
	if len(h.in.Nodes) > HelloNodesMax {
		return false, invalid("hello.nodes", len(h.in.Nodes), fmt.Sprintf("at most %d nodes", HelloNodesMax))
	}
	return page.GetLast(), nil
}

// The most that an executor can have.
const (
	HelloRunsMax  = 1_000_000
	HelloNodesMax = 100_000
)

func (h *hello) begin(page *executorv1.Hello) error {
	if page.GetExecutor() == "" {
		return invalid("hello.executor", "", "must not be empty")
	}
	if len(page.GetSession()) != 16 {
		return invalid("hello.session", len(page.GetSession()), "must be a ULID of 16 bytes")
	}
	h.begun = true
	h.installation = page.GetInstallation()
	h.in = lead.Connected{
		Session: h.in.Session, Executor: page.GetExecutor(), Pool: page.GetPool(),
		Began: [16]byte(page.GetSession()), Epoch: page.GetEpoch(),
	}
	return nil
}

// said turns a message after the hello into an input.
func said(session lead.Session, up *executorv1.Up) (lead.Input, error) {
	switch m := up.GetMessage().(type) {
	case *executorv1.Up_Nodes:
		in := lead.NodesChanged{Session: session, Gone: m.Nodes.GetGone()}
		for _, n := range m.Nodes.GetChanged() {
			in.Changed = append(in.Changed, node(n))
		}
		return in, nil
	case *executorv1.Up_Reports:
		in := lead.Reported{Session: session, Reports: make([]lead.Report, len(m.Reports.GetReports()))}
		for i, r := range m.Reports.GetReports() {
			e, err := eventwire.ReportFrom(r.GetEvent())
			if err != nil {
				return nil, invalid(fmt.Sprintf("reports[%d].event", i), r.GetNumber(), err.Error())
			}
			in.Reports[i] = lead.Report{Number: r.GetNumber(), Event: e}
		}
		return in, nil
	case *executorv1.Up_Heartbeat:
		return lead.Heartbeat{Session: session, Number: m.Heartbeat.GetNumber()}, nil
	case *executorv1.Up_Hello:
		return nil, invalid("hello", "", "comes once a session; a new one takes a new stream")
	}
	return nil, invalid("message", "", "must be set")
}

func invalid(field string, value any, rule string) error {
	return fault.NewInvalid(fault.Violation{Field: field, Value: fmt.Sprint(value), Rule: rule})
}

func knownRun(r *executorv1.KnownRun) (lead.KnownRun, error) {
	run, err := job.RunIDFrom(r.GetRun())
	if err != nil {
		return lead.KnownRun{}, invalid("hello.runs.run", len(r.GetRun()), err.Error())
	}
	id, err := job.IDFrom(r.GetJob())
	if err != nil {
		return lead.KnownRun{}, invalid("hello.runs.job", len(r.GetJob()), err.Error())
	}
	phase := r.GetPhase()
	if phase <= 0 || phase > executorv1.RunPhase_RUN_PHASE_RELEASING {
		return lead.KnownRun{}, invalid("hello.runs.phase", phase, "must be a known phase")
	}
	return lead.KnownRun{Run: run, Job: id, Phase: lead.RunPhase(phase)}, nil
}

func node(n *executorv1.Node) lead.Node {
	out := lead.Node{
		Name: n.GetName(), Pool: n.GetPool(), Labels: n.GetLabels(), Unschedulable: n.GetUnschedulable(),
		Total: eventwire.AmountsFrom(n.GetTotal()), UsedByOthers: eventwire.AmountsFrom(n.GetUsedByOthers()),
		MaxPods: n.GetMaxPods(), PodsOfOthers: n.GetPodsOfOthers(),
	}
	for _, t := range n.GetTaints() {
		out.Taints = append(out.Taints, lead.Taint{Key: t.GetKey(), Value: t.GetValue(), Effect: t.GetEffect()})
	}
	return out
}

func pad(b []byte) []byte {
	if len(b) == 16 {
		return b
	}
	return make([]byte, 16)
}

// Lease writes an order to run, with what was submitted and by whom. Of floating resources
// its pod is not to ask its node.
func Lease(l lead.Lease, s job.SubmittedEvent, by job.Cause, floating []string) *executorv1.Lease {
	out := &executorv1.Lease{
		Run: l.Run[:], Job: l.Job[:], Queue: l.Queue, JobSet: l.JobSet, User: by.User, Groups: by.Groups,
		Namespace: s.Namespace, Labels: s.Labels, Annotations: s.Annotations, PodSpec: s.Spec.Bytes,
		Node: l.Node, Pool: l.Pool, PodName: l.PodName, Tolerations: eventwire.Tolerations(l.Tolerations),
		Gang: eventwire.Gang(s.Gang), GangLabelValue: l.GangLabelValue, Requests: eventwire.Amounts(s.Shape.Requests),
		Services: s.Services, Ingresses: s.Ingresses, FloatingResources: floating,
	}
	for _, run := range l.After {
		out.After = append(out.After, run[:])
	}
	return out
}

// Leases writes leases as one message.
func Leases(epoch uint64, list []*executorv1.Lease) *executorv1.Down {
	return &executorv1.Down{Epoch: epoch, Message: &executorv1.Down_Leases{Leases: &executorv1.Leases{Leases: list}}}
}

// Stops writes orders to stop.
func Stops(o lead.SendStops) *executorv1.Down {
	list := make([]*executorv1.Stop, len(o.Stops))
	for i, s := range o.Stops {
		list[i] = &executorv1.Stop{Run: s.Run[:], Job: s.Job[:], Reason: executorv1.StopReason(s.Why)}
	}
	return &executorv1.Down{Epoch: o.Epoch, Message: &executorv1.Down_Stops{Stops: &executorv1.Stops{Stops: list}}}
}

// Acknowledge writes acknowledgements.
func Acknowledge(o lead.Acknowledge) *executorv1.Down {
	acks := &executorv1.Acknowledgements{Reports: o.Reports, Go: make([][]byte, len(o.Go))}
	for i := range o.Go {
		acks.Go[i] = o.Go[i][:]
	}
	return &executorv1.Down{Epoch: o.Epoch, Message: &executorv1.Down_Acknowledgements{Acknowledgements: acks}}
}

// Answer writes the answer to a heartbeat.
func Answer(o lead.AnswerHeartbeat) *executorv1.Down {
	return &executorv1.Down{Epoch: o.Epoch, Message: &executorv1.Down_Heartbeat{Heartbeat: &executorv1.HeartbeatAnswer{Number: o.Number}}}
}

// Greet writes a welcome.
func Greet(o lead.Greet) *executorv1.Down {
	return &executorv1.Down{Epoch: o.Epoch, Message: &executorv1.Down_Welcome{Welcome: &executorv1.Welcome{Leads: o.Epoch > 0}}}
}
