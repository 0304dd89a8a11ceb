package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
)

// world is everything there is in a run.
type world struct {
	loop
	cfg Config
	ids ids
	// delays, fates, chaos and people are the dice of messages, of requests to the log,
	// of faults and of users.
	delays, fates, chaos, people dice

	net      network
	journal  *journal
	lock     leaderLock
	archive  *archive
	truth    *truth
	replicas []*replica
	sites    []*site
	users    *users
	streams  []*stream
	faults   faults

	rules scheduler.Config
	site  executor.Config

	counts Counts
	digest hash.Hash
	story  io.Writer
	// failed is the first violation; nil: none.
	failed error
}

// Result is what came of a run.
type Result struct {
	// Hash is over all outputs of all processes, in order. Two runs of one seed have one.
	Hash   string
	Counts Counts
	// Took is the virtual time until all was at rest.
	Took time.Duration
	// Err is the first violation of an invariant, or that the system did not come to
	// rest; nil: all held.
	Err error
}

// Run runs the system by a seed. story, where not nil, is told what happens.
func Run(cfg Config, story io.Writer) Result {
	w, err := newWorld(cfg, story)
	if err != nil {
		return Result{Err: err}
	}
	w.start()
	w.live()
	return Result{
		Hash: hex.EncodeToString(w.digest.Sum(nil)), Counts: w.counts,
		Took: time.Duration(w.now - began), Err: w.failed,
	}
}

func newWorld(cfg Config, story io.Writer) (*world, error) {
	w := &world{
		loop: loop{now: began, lots: newDice(cfg.Seed, concernLots).Rand}, cfg: cfg, story: story, digest: sha256.New(),
		delays: newDice(cfg.Seed, concernDelays), fates: newDice(cfg.Seed, concernFates),
		chaos: newDice(cfg.Seed, concernFaults), people: newDice(cfg.Seed, concernUsers),
		rules: rules(), site: siteConfig(),
	}
	w.net = network{w: w, cut: map[link]job.Time{}}
	w.lock, w.faults = leaderLock{w: w}, faults{w: w}
	w.truth, w.archive = newTruth(w), newArchive(w)
	var err error
	if w.journal, err = newJournal(w); err != nil {
		return nil, err
	}
	w.users = &users{process: w.process("users")}
	for n := range replicas {
		w.replicas = append(w.replicas, &replica{process: w.process(fmt.Sprintf("scheduler-%d", n)), number: n})
	}
	for n := range sites {
		cluster, err := executor.NewCluster(w.site.Simulated)
		if err != nil {
			return nil, err
		}
		s := &site{process: w.process(fmt.Sprintf("executor-%d", n)), cluster: cluster, dead: map[string]bool{}}
		for i := range nodesEach {
			s.nodes = append(s.nodes, fmt.Sprintf("node-%d", i))
		}
		w.sites = append(w.sites, s)
	}
	return w, nil
}

func (w *world) process(name string) process {
	return process{w: w, name: name, skew: w.chaos.between(-skewMost, skewMost)}
}

func (w *world) start() {
	w.users.start()
	for _, r := range w.replicas {
		r.start()
	}
	for _, s := range w.sites {
		s.start()
	}
	w.users.work(began+job.Time(w.cfg.Work), w.quiet()+job.Time(w.cfg.RestWithin))
	if w.cfg.Faults > 0 {
		w.faults.begin(began + job.Time(w.cfg.Faults))
	}
}

// quiet is when the last fault is over and everything that was killed lives again.
func (w *world) quiet() job.Time {
	return began + job.Time(max(w.cfg.Work, w.cfg.Faults)) + job.Time(downMost)
}

// live turns the loop until all is at rest, or should be.
func (w *world) live() {
	quiet := w.quiet()
	rest := quiet + job.Time(w.cfg.RestWithin)
	for look := began; w.failed == nil; look += job.Time(viewsEvery) {
		for w.failed == nil && w.turn(look) {
		}
		w.checkViews()
		w.checkAcknowledged()
		w.checkAlike()
		if w.now < quiet || w.failed != nil {
			continue
		}
		why := w.atRest()
		if why == "" {
			return
		}
		if w.now >= rest {
			w.fail("not at rest %s after the last fault: %s", w.cfg.RestWithin, why)
		}
	}
}

// stored is called for each entry that the log stores: the fold takes it at once, the
// readers in their time.
func (w *world) stored(p eventlog.Partition) {
	w.truth.read(p)
	for _, r := range w.replicas {
		for _, reader := range r.readers {
			if r.up && reader.partition == p {
				reader.poke()
			}
		}
	}
}

// since is how long ago a moment was.
func (w *world) since(at job.Time) time.Duration { return time.Duration(w.now - at) }

// tell adds a line to the story.
func (w *world) tell(who, format string, args ...any) {
	if w.story == nil {
		return
	}
	at := time.Duration(w.now - began)
	_, _ = fmt.Fprintf(w.story, "%9.4f %-12s %s\n", at.Seconds(), who, fmt.Sprintf(format, args...))
}

// note puts an output into the hash.
func (w *world) note(who string, output any) {
	var message proto.Message
	switch o := output.(type) {
	case scheduler.Append:
		for _, d := range o.Drafts {
			_, _ = fmt.Fprintf(w.digest, "%d %s %s %d %d %d %d %d %x\n", w.now, who, d.Partition, d.Kind, d.Epoch, d.Plan, d.Part, d.Parts, d.Body)
			w.tell(who, "appends to %s: kind %d epoch %d plan %d part %d of %d", d.Partition, d.Kind, d.Epoch, d.Plan, d.Part, d.Parts)
		}
		return
	case scheduler.Send:
		message = o.Message
		_, _ = fmt.Fprintf(w.digest, "%d %s to %d ", w.now, who, o.Session)
		w.tell(who, "to session %d: %v", o.Session, o.Message)
	case executor.Send:
		message = o.Message
		_, _ = fmt.Fprintf(w.digest, "%d %s to %d ", w.now, who, o.Replica)
		w.tell(who, "to replica %d: %v", o.Replica, o.Message)
	case scheduler.SaveSnapshot:
		bytes, err := scheduler.EncodeSnapshot(o.Save.Snapshot)
		if err != nil {
			w.fail("encode a snapshot: %v", err)
		}
		_, _ = fmt.Fprintf(w.digest, "%d %s %d %v %x\n", w.now, who, len(o.Save.Submitted), o.Save.Settled, bytes)
		w.tell(who, "saves a snapshot: %d entries more, %d less", len(o.Save.Submitted), len(o.Save.Settled))
		return
	default:
		_, _ = fmt.Fprintf(w.digest, "%d %s %T %+v\n", w.now, who, output, output)
		w.tell(who, "%T %+v", output, output)
		return
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		w.fail("encode a message: %v", err)
	}
	_, _ = w.digest.Write(bytes)
}
