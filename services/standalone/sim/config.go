package sim

import (
	"time"

	executor "github.com/fairlead-batch/fairlead/services/executor/app"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	scheduler "github.com/fairlead-batch/fairlead/services/scheduler/app"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
)

// Config is a run.
type Config struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Faults is for how long things go wrong, in virtual time; zero: nothing does.
	Faults time.Duration
	// Work is for how long users ask for things.
	Work time.Duration
	// RestWithin is how long after both the system may take to come to rest.
	RestWithin time.Duration
}

// DefaultConfig is the run of a seed: a minute of trouble.
func DefaultConfig(seed uint64) Config {
	return Config{Seed: seed, Faults: 60 * time.Second, Work: 45 * time.Second, RestWithin: 5 * time.Minute}
}

// What there is.
const (
	partitions = 3
	replicas   = 2
	sites      = 3
	nodesEach  = 3
	// began is when every run begins: 2026-01-01T00:00:00Z.
	began = job.Time(1767225600 * int64(time.Second))
	// skewMost is how wrong a clock is at most.
	skewMost = 3 * time.Second
)

// How long things take. What is called usual, fast or least is without trouble.
const (
	stepWithin     = 2 * time.Millisecond
	messageFast    = 200 * time.Microsecond
	messageUsual   = 5 * time.Millisecond
	messageSlow    = 50 * time.Millisecond
	messageSlowest = 2 * time.Second
	readSlow       = 200 * time.Millisecond
	readSlowest    = 5 * time.Second
	readEntriesMax = 20
	reconnectFast  = 20 * time.Millisecond
	reconnectSlow  = time.Second
	dialWithin     = 3 * time.Second
	keepAliveLeast = 4 * time.Second
	keepAliveMost  = 8 * time.Second
	lookEvery      = 100 * time.Millisecond
	viewsEvery     = 500 * time.Millisecond
	// lockEvery and lockCheckWithin are those of the real shell.
	lockEvery       = 250 * time.Millisecond
	lockCheckWithin = 5 * time.Second
	sessionEndSlow  = 2 * time.Second
	// saveFast and saveSlow are how long a snapshot takes to be stored, and
	// lookForSnapshots how often a replica looks for those of others.
	saveFast         = 5 * time.Millisecond
	saveSlow         = 150 * time.Millisecond
	lookForSnapshots = time.Second
	// logRetention is how long the log keeps what nobody holds. It is shorter than a request
	// can be on its way here, which it must never be elsewhere: so no gate forgets.
	logRetention = 2 * time.Second

	faultLeast   = 200 * time.Millisecond
	faultMost    = 2500 * time.Millisecond
	downLeast    = 50 * time.Millisecond
	downMost     = 8 * time.Second
	pauseShort   = 100 * time.Millisecond
	pauseLong    = 4 * time.Second
	pauseLongest = 14 * time.Second
	cutLeast     = 100 * time.Millisecond
	cutLong      = 10 * time.Second
	cutLongest   = 25 * time.Second

	submitLeast    = 200 * time.Millisecond
	submitMost     = 2500 * time.Millisecond
	changeLeast    = 500 * time.Millisecond
	changeMost     = 5 * time.Second
	lateQueueAfter = 15 * time.Second
	runShort       = 100 * time.Millisecond
	runLong        = 15 * time.Second
	recentJobs     = 12
)

// How often things happen, in thousandths.
const (
	slowMessages = 20
	slowReads    = 20
	lostReplies  = 20
	storedTwice  = 20
	lostRequests = 20
	failedSaves  = 100
	deathsUnseen = 300
	// Of the requests of a process that is gone some go with it, and of the others some
	// arrive much later.
	lostWithProcess = 300
	lateOfTheGone   = 800
	gangs           = 250
	hopeless        = 30
	limited         = 500
)

// rules are those of the schedulers: their own defaults with shorter times, so that
// a minute holds what otherwise takes an hour.
func rules() scheduler.Config {
	cfg := scheduler.DefaultConfig()
	cfg.ExecutorTimeout, cfg.StartWindow = 10*time.Second, 4*time.Second
	cfg.PublishTimeout, cfg.SettleAfter = 5*time.Second, 5*time.Second
	cfg.SnapshotEvents, cfg.SnapshotInterval = 60, 6*time.Second
	cfg.Scheduling.Rate, cfg.Scheduling.QueueRate = policy.Rate{}, policy.Rate{}
	cfg.Scheduling.Resources, cfg.Scheduling.DominantResources = []string{"cpu"}, []string{"cpu"}
	cfg.Scheduling.ReserveAfter = 2 * time.Second
	cfg.Scheduling.PriorityClasses = map[string]policy.PriorityClass{
		classDefault: {Priority: 1000}, classPreempt: {Priority: 1000, Preemptible: true}, classUrgent: {Priority: 2000},
	}
	return cfg
}

// siteConfig is that of the executors.
func siteConfig() executor.Config {
	cfg := executor.DefaultConfig()
	cfg.Schedulers = make([]string, replicas)
	cfg.Installation = "sim"
	cfg.StartWindow = rules().StartWindow
	cfg.CreateWithin, cfg.PendingWithin, cfg.ImagePullWithin, cfg.ForceAfter = 8*time.Second, 12*time.Second, 6*time.Second, 3*time.Second
	cfg.Simulated.StartDelay, cfg.Simulated.StopDelay = 20*time.Millisecond, 300*time.Millisecond
	cfg.Simulated.RecordsMax = 100_000
	cfg.Simulated.Nodes = []executor.NodeKind{{Name: "node", Count: nodesEach, Resources: map[string]string{"cpu": "4"}}}
	return cfg
}
