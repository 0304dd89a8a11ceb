package lead

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// Errors of a leadership's end.
var (
	// ErrDeposed: the log shows a leader of a higher epoch.
	ErrDeposed = errors.New("a newer leader writes")
	// ErrLockLost: the leader lock is gone.
	ErrLockLost = errors.New("the leader lock is lost")
	// ErrUnread: an own entry was not read back in time.
	ErrUnread = errors.New("an own entry was not read back in time")
	// ErrAppend: an own entry could not be stored.
	ErrAppend = errors.New("an own entry could not be stored")
)

// phase is where a replica stands on its way to lead.
type phase uint8

const (
	// following reads the log and decides nothing.
	following phase = iota
	// taking waits for its epoch.
	taking
	// fencing waits to read its own marker in every partition.
	fencing
	// leading decides.
	leading
	// stopped decides nothing any more; the shell starts a new core.
	stopped
)

// Core is one scheduler replica as a stepped value: [Core.Step] takes what
// happened and returns what to do. One goroutine.
type Core struct {
	cfg   Config
	rules rules
	newID func(job.Time) [16]byte
	now   job.Time

	partitions []partition
	control    controlReader
	warm       map[eventlog.Partition]eventlog.Position

	table     table
	queues    map[string]Queue
	executors map[string]*executor
	sessions  map[Session]*executor
	board     *board
	plans     plans
	// reservations are those that the log holds.
	reservations reservations

	keep keeping

	phase phase
	epoch uint64
	// lead is what only a leader has.
	lead leadership

	touched []*record
	// snapshots counts the partitions of which snapshots were taken.
	snapshots uint32
	out       []Output
	post      post
	counts    Counts
}

// leadership is the state of a replica that leads, or is about to.
type leadership struct {
	// locked says that the lock is held.
	locked bool
	// since is when the takeover was complete.
	since job.Time
	// markers counts the own fence markers that are still to be read.
	markers int
	// planned is the number of the newest plan.
	planned uint64
	// leasing are the jobs of own leases that are not read back yet.
	leasing map[job.RunID]*record
	// unread are the own entries not read back, by partition, in order.
	unread [][]ownEntry
	ticket uint64
	// checking says that a CheckLock is under way.
	checking bool
	// round is when the newest round was, and wake when the next one could differ
	// though nothing happens.
	round, wake job.Time
	// shares is when the newest round was that preempted for shares where it was due.
	shares job.Time
	// stale says that something changed since the newest round.
	stale bool
	// newest is the newest round.
	newest Round
}

// ownEntry is an entry of this leadership that was appended.
type ownEntry struct {
	at   job.Time
	acks []ack
}

// ack is a report that is settled when its entry is read back.
type ack struct {
	session Session
	number  uint64
	run     job.RunID
	job     job.ID
}

// Counts are the core's counters since its start.
type Counts struct {
	Dropped      eventlog.Dropped
	Refused      uint64
	Damaged      uint64
	LateReports  uint64
	Orphans      uint64
	Plans        uint64
	Repaired     uint64
	Takeovers    uint64
	RoundsEmpty  uint64
	LeasesSent   uint64
	LeasesResent uint64
	// SnapshotsStored and SnapshotsFailed are those of this replica.
	SnapshotsStored, SnapshotsFailed uint64
	// RoundRefused counts facts that the state of the round did not take: our bug.
	RoundRefused uint64
}

// Add is the sum of the counts of two cores.
func (n Counts) Add(m Counts) Counts {
	return Counts{
		Dropped: n.Dropped.Add(m.Dropped), Refused: n.Refused + m.Refused, Damaged: n.Damaged + m.Damaged,
		LateReports: n.LateReports + m.LateReports, Orphans: n.Orphans + m.Orphans, Plans: n.Plans + m.Plans,
		Repaired: n.Repaired + m.Repaired, Takeovers: n.Takeovers + m.Takeovers, RoundsEmpty: n.RoundsEmpty + m.RoundsEmpty,
		LeasesSent: n.LeasesSent + m.LeasesSent, LeasesResent: n.LeasesResent + m.LeasesResent,
		SnapshotsStored: n.SnapshotsStored + m.SnapshotsStored, SnapshotsFailed: n.SnapshotsFailed + m.SnapshotsFailed,
		RoundRefused: n.RoundRefused + m.RoundRefused,
	}
}

// New makes a core that has read nothing. newID makes run ids: a ULID of the
// given time.
func New(cfg Config, round schedule.Config, newID func(job.Time) [16]byte) (*Core, error) {
	b, err := newBoard(&round, cfg.RetryBackoff)
	if err != nil {
		return nil, fmt.Errorf("make scheduling state: %w", err)
	}
	c := &Core{
		cfg: cfg, rules: theRules(), newID: newID, board: b,
		partitions: make([]partition, cfg.Partitions),
		table:      newTable(cfg.Partitions), queues: map[string]Queue{}, executors: map[string]*executor{}, sessions: map[Session]*executor{},
		plans: plans{}, reservations: reservations{facts: map[job.ID]job.ReservedEvent{}},
		lead: leadership{leasing: map[job.RunID]*record{}, unread: make([][]ownEntry, cfg.Partitions)},
	}
	return c, nil
}

// Restore makes a core that has read what a snapshot holds. Errors: ErrSnapshot, and
// those of New.
func Restore(cfg Config, round schedule.Config, newID func(job.Time) [16]byte, s Snapshot) (*Core, error) {
	c, err := New(cfg, round, newID)
	if err != nil {
		return nil, err
	}
	if err := c.restore(s); err != nil {
		return nil, fmt.Errorf("restore a snapshot: %w", err)
	}
	c.keep.places = PlacesOf(s)
	return c, nil
}

// Counts are the counters so far.
func (c *Core) Counts() Counts {
	n := c.counts
	n.RoundRefused = c.board.refused
	return n
}

// Leading says whether this replica decides.
func (c *Core) Leading() bool { return c.phase == leading }

// Epoch is the epoch it leads in; zero when it does not.
func (c *Core) Epoch() uint64 {
	if c.phase != leading {
		return 0
	}
	return c.epoch
}

// Step takes what happened at a time and returns what is to be done, in order.
// Several inputs may be taken in one step, which is cheaper: their reports share
// entries and their changes a round. now never goes back.
func (c *Core) Step(now job.Time, inputs ...Input) []Output {
	c.now = max(c.now, now)
	c.out = nil
	for _, in := range inputs {
		if c.phase == stopped {
			break
		}
		c.take(in)
	}
	return c.conclude()
}

// conclude does what follows from what was taken in this step.
func (c *Core) conclude() []Output {
	touched := c.touched
	c.touched = nil
	for _, rec := range touched {
		rec.dirty = false
		if c.phase == leading {
			c.follow(rec)
		}
	}
	c.reserve()
	if c.phase == leading {
		c.expireSilent()
		c.checkUnread()
	}
	if c.phase == leading {
		c.maybeRound()
	}
	c.flush()
	c.maybeSave()
	c.setTimer()
	return c.out
}

func (c *Core) take(in Input) {
	switch in := in.(type) {
	case LogRead:
		c.read(in)
	case Warm:
		c.warm = in.To
		c.maybeTake()
	case LockGained:
		c.lead.locked = true
		c.maybeTake()
	case LockLost:
		c.lead.locked = false
		if c.phase != following {
			c.stepDown(ErrLockLost)
		}
	case EpochTaken:
		c.fence(in.Epoch)
	case LockChecked:
		c.answerHeartbeats()
	case Appended:
		if in.Err != nil {
			c.stepDown(fmt.Errorf("%w: %w", ErrAppend, in.Err))
		}
	case Stored:
		c.keep.stored(in, c)
	case NotStored:
		c.keep.notStored(c)
	case Trimmed:
		c.trimmed(in.Oldest)
	case Due, EntriesRead:
	case Connected:
		c.connected(in)
	case NodesChanged:
		c.nodesChanged(in)
	case Reported:
		c.reported(in)
	case Heartbeat:
		c.heartbeat(in)
	case Disconnected:
		c.disconnected(in)
	}
}

func (c *Core) emit(o Output) { c.out = append(c.out, o) }

// touch puts a job on the list of those to look at, once.
func (c *Core) touch(rec *record) {
	if !rec.dirty {
		rec.dirty = true
		c.touched = append(c.touched, rec)
	}
}

// follow decides what the changes of this step mean for a job. One with own
// entries unread is looked at again when they are read back.
func (c *Core) follow(rec *record) {
	if rec.isUnread() {
		return
	}
	if rec.spec.refused != "" && rec.job.State == job.Queued && rec.wish.isNone() {
		c.author(rec, []job.Event{job.RejectedEvent{Head: c.head(rec), Reason: rec.spec.refused}})
		return
	}
	c.author(rec, follow(rec.job, rec.wish, rec.end, c.now, c.cfg.AttemptsMax))
}

// author writes events of the scheduler on a job.
func (c *Core) author(rec *record, events []job.Event) {
	if len(events) > 0 {
		c.write(rec, job.Cause{Service: "scheduler"}, events, nil)
	}
}

// write puts events on a job into an entry of this step, and the job ahead of the
// log by them. What settles when the entry is read back is in acks.
func (c *Core) write(rec *record, cause job.Cause, events []job.Event, acks []ack) {
	c.counts.Refused += rec.apply(events)
	c.post.add(rec.set, cause, events, acks, c.cfg.EntryEventsMax)
}

// flush puts out what this step wrote and sends.
func (c *Core) flush() {
	if c.phase == leading {
		c.append(c.post.drafts(c.epoch), c.post.acks())
		c.flushSessions()
	}
	c.post = post{}
}

// append puts drafts out and notes that they are to be read back.
func (c *Core) append(drafts []Draft, acks [][]ack) {
	if len(drafts) == 0 {
		return
	}
	for i, d := range drafts {
		own := ownEntry{at: c.now}
		if acks != nil {
			own.acks = acks[i]
		}
		n := d.Partition.Number
		c.lead.unread[n] = append(c.lead.unread[n], own)
	}
	c.lead.ticket++
	c.emit(Append{Ticket: c.lead.ticket, Drafts: drafts})
}

// setTimer asks to be called when time alone will change something.
func (c *Core) setTimer() {
	if c.phase != leading {
		return
	}
	at := c.now + job.Time(time.Second) // a net under everything below
	if c.lead.stale {
		at = min(at, max(c.now, c.lead.round+job.Time(c.cfg.MinInterval)))
	}
	if c.lead.wake > 0 {
		at = min(at, max(c.lead.wake, c.lead.round+job.Time(c.cfg.MinInterval)))
	}
	c.emit(SetTimer{At: at})
}
