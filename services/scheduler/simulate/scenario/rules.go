package scenario

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fairlead-batch/fairlead/services/internal/config"
	"github.com/fairlead-batch/fairlead/services/scheduler/policy"
)

// Rules are the rules of scheduling, and how often rounds are made.
type Rules struct {
	policy.Scheduling
	// MinInterval and PreemptionInterval are as the scheduler has them.
	MinInterval, PreemptionInterval time.Duration
	// DefaultClass is the class of a job that names none; empty: it must name one.
	DefaultClass string
	// NodeIDLabel is the label that holds a node's name.
	NodeIDLabel string
	// AnyPool: the pools are those that the clusters name.
	AnyPool bool
	// Unread are the keys that are set, that Armada knows, and that nothing obeys here.
	Unread []string
}

// The scheduler's defaults; its own configuration is in its app, which nobody may import.
const (
	minInterval        = 100 * time.Millisecond
	preemptionInterval = time.Second
)

// DefaultRules are those where no configuration is given: the scheduler's, without limits
// on the rate of starts, as in Armada's simulator, and with the pools of the clusters.
func DefaultRules() Rules {
	r := Rules{
		Scheduling: policy.Default(), MinInterval: minInterval, PreemptionInterval: preemptionInterval,
		DefaultClass: "armada-default", NodeIDLabel: "kubernetes.io/hostname", AnyPool: true,
	}
	r.Rate, r.QueueRate = policy.Rate{}, policy.Rate{}
	return r
}

// ReadRules reads a configuration: a scheduler's own, which has the key scheduler, or
// Armada's.
func ReadRules(file string) (Rules, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Rules{}, fmt.Errorf("read configuration: %w", err)
	}
	var top map[string]yaml.Node
	_ = yaml.Unmarshal(raw, &top) // what is wrong with it is told by who reads it in earnest
	var rules Rules
	if _, own := top["scheduler"]; own {
		rules, err = readOwn(file)
	} else {
		rules, err = readFlat(file)
		if _, nested := top["scheduling"]; nested {
			rules, err = readNested(file)
		}
	}
	if err != nil {
		return Rules{}, fmt.Errorf("read configuration: %w", from(file, err))
	}
	return rules, nil
}

// from has an error name the file, also where what is wrong is what it leaves out, which
// stands at no line of it.
func from(file string, err error) error {
	if strings.Contains(err.Error(), file) {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// ownFile is a configuration of the scheduler, or of the standalone process.
type ownFile struct {
	Scheduler ownScheduler
	// The rest configures what is not simulated.
	Log, Postgres, PostgresBinaries, GRPC, HTTP, Ops, StopWithin, Name, DataDir, Fsync, Partitions unread
	Submit, EventAPI, Lookout, Executor, Clusters, ImagePullWithin                                 unread
}

type ownScheduler struct {
	MinInterval, PreemptionInterval time.Duration
	Scheduling                      policy.Scheduling
	// The rest is about a cluster that is not simulated.
	ExecutorTimeout, StartWindow, PublishTimeout, SettleAfter, AttemptsMax, RetryBackoff   unread
	RoundStepsMax, SnapshotEvents, SnapshotInterval, AcceptForgotten, Executors, Questions unread
}

func readOwn(file string) (Rules, error) {
	defaults := ownFile{Scheduler: ownScheduler{MinInterval: minInterval, PreemptionInterval: preemptionInterval, Scheduling: policy.Default()}}
	f, err := config.Load(defaults, []string{file}, nil)
	if err != nil {
		return Rules{}, err
	}
	rules := DefaultRules()
	rules.AnyPool = false
	rules.Scheduling, rules.MinInterval, rules.PreemptionInterval = f.Scheduler.Scheduling, f.Scheduler.MinInterval, f.Scheduler.PreemptionInterval
	if _, is := rules.PriorityClasses[rules.DefaultClass]; !is {
		rules.DefaultClass = ""
	}
	return rules, nil
}

// unreadKeys are the keys of a struct that are set and that nothing obeys.
func unreadKeys(v reflect.Value, path string) (keys []string) {
	switch v.Kind() {
	case reflect.Struct:
		if u, is := reflect.TypeAssert[unread](v); is {
			if u.set {
				keys = append(keys, path)
			}
			return keys
		}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			name := strings.ToLower(field.Name[:1]) + field.Name[1:]
			if tag := field.Tag.Get("koanf"); tag != "" {
				name = tag
			}
			at := strings.TrimPrefix(path+"."+name, ".")
			keys = append(keys, unreadKeys(v.Field(i), at)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			keys = append(keys, unreadKeys(v.Index(i), path+"[]")...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() { //archcheck:unordered they are sorted below
			keys = append(keys, unreadKeys(v.MapIndex(k), path+"[]")...)
		}
	default:
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
