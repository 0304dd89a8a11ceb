package archcheck

// Fairlead is the architecture of this project. A rule is changed here and
// nowhere else; a new one needs a planted fault in testdata that it catches.
func Fairlead() House {
	return House{
		Reach: reaches(),
		Doors: Doors{
			Services: "services",
			Shared:   []string{"internal"},
			Open:     []Pattern{"services/scheduler/policy", "services/scheduler/schedule/...", "services/scheduler/simulate/...", "services/submit/podrequest"},
			App:      "app",
			AppFrom:  "cmd",
			Wirers:   []Pattern{"services/standalone/..."},
		},
		Names: Names{
			Edges: []string{"main", "app", "api", "store", "events", "gen"},
			Empty: []string{
				"base", "common", "configuration", "constants", "helper", "helpers", "interfaces", "misc", "mock", "mocks",
				"model", "models", "pkg", "shared", "types", "util", "utils",
			},
		},
		Length: Length{
			LinesMax: 800,
			Ratchet:  map[string]int{},
		},
		Requires: []Requires{{Module: "client", Only: "proto"}},
		Stepped: Stepped{
			Cores: cores(),
			Calls: []Pattern{
				"proto/gen/...", // getters of generated messages
			},
		},
	}
}

// domains are each service's own rules, between its edges and the life of a job.
func domains() []Pattern {
	return []Pattern{
		"services/submit/internal/admit/...",
		"services/scheduler/internal/lead/...",
		"services/executor/internal/lease/...",
		"services/eventapi/internal/stream/...",
		"services/lookout/internal/view/...",
	}
}

// testHelpers are packages that only tests stand on: fixtures, builders, suites.
func testHelpers() []Pattern { return []Pattern{".../*test", ".../*test/..."} }

// reaches is the table: package pattern, must never reach, why.
func reaches() []Reach {
	return append(inward(), outward()...)
}

// inward are the rings: what is nearer to the middle knows nothing of what is
// farther out.
func inward() []Reach {
	return []Reach{
		{
			Name:    "the innermost ring",
			From:    []Pattern{"services/internal/job/...", "services/scheduler/schedule/..."},
			But:     testHelpers(),
			Never:   []Pattern{OutsideStd},
			Instead: "the life of a job and the round stand on the standard library alone, so that anything may stand on them. Take what you need as a value.",
		},
		{
			Name: "a decision does no I/O",
			From: append(domains(), "services/internal/job/...", "services/scheduler/schedule/..."),
			But:  testHelpers(),
			Never: []Pattern{
				"context", "crypto/rand", "database/sql/...", "log/...", "math/rand/...", "net/...", "os/...",
				"github.com/jackc/...", "github.com/apache/pulsar-client-go/...", "google.golang.org/grpc/...", "k8s.io/...",
			},
			// Its entries and positions are values. Its interface waits, but a core cannot
			// call it: the stepped rule sees to that.
			Behind:  []Pattern{"services/internal/eventlog"},
			Instead: "a domain takes values and returns values; what waits, asks or differs is the shell's (api, store, events, app). Take it as an argument.",
		},
		strangers("api", "store", "events"),
		strangers("store", "api", "events"),
		strangers("events", "api", "store"),
		{
			Name:       "SQL lives in store",
			From:       []Pattern{"services/*/internal/api/...", "services/*/internal/events/..."},
			Never:      []Pattern{"github.com/jackc/..."},
			DirectOnly: true,
			Instead:    "ask store for what you need by a name that says why you need it.",
		},
		{
			Name:       "generated queries are store's",
			From:       []Pattern{"services/..."},
			But:        []Pattern{"services/.../store/...", "services/internal/eventlog/pglog/...", "services/internal/project/...", "services/internal/postgres/..."},
			Never:      []Pattern{"services/.../gen/..."},
			DirectOnly: true,
			Instead:    "store turns rows into domain values; use those.",
		},
	}
}

// strangers says that of a service's three edges one does not know the others.
func strangers(edge string, others ...string) Reach {
	reach := Reach{
		Name:    edge + " knows no other edge",
		From:    []Pattern{Pattern("services/*/internal/" + edge + "/...")},
		Instead: "declare what you need of the other as a func or a small interface; app hands it in.",
	}
	for _, other := range others {
		reach.Never = append(reach.Never, Pattern("services/*/internal/"+other+"/..."))
	}
	return reach
}

// outward are what the modules and the shared packages may stand on.
func outward() []Reach {
	return []Reach{
		{
			Name:    "shared packages know no service",
			From:    []Pattern{"services/internal/..."},
			Never:   []Pattern{"services/submit/...", "services/scheduler/...", "services/executor/...", "services/eventapi/...", "services/lookout/...", "services/standalone/..."},
			Instead: "what a service knows stays there; what moves here has an invariant that two services need.",
		},
		{
			Name:       "the wire ends in eventwire and rpc",
			From:       []Pattern{"services/internal/..."},
			But:        []Pattern{"services/internal/eventwire/...", "services/internal/rpc/..."},
			Never:      []Pattern{"proto/gen/..."},
			DirectOnly: true,
			Instead:    "inside, an event is a job.Event and a batch is eventwire's: take those, so that a change of the wire is one change.",
		},
		{
			Name:       "pod specs are bytes",
			From:       []Pattern{"services/..."},
			But:        []Pattern{"services/submit/...", "services/executor/...", "services/internal/rpc/kubejson/..."},
			Never:      []Pattern{"k8s.io/api/...", "k8s.io/apimachinery/..."},
			DirectOnly: true,
			Instead:    "only submit, executor and the REST marshaller know Kubernetes' types; what others need of a pod is computed once, at submission.",
		},
		{
			Name:    "the wire has types of its own",
			From:    []Pattern{"proto/..."},
			Never:   []Pattern{"k8s.io/...", "services/...", "client/...", "tools/..."},
			Instead: "proto generates its own Kubernetes types from their protos, so that who speaks to Fairlead needs neither Kubernetes' code nor ours.",
		},
		{
			Name:    "the client stands on proto",
			From:    []Pattern{"client/..."},
			Never:   []Pattern{"k8s.io/...", "services/...", "tools/..."},
			Instead: "people import the client: it needs proto alone, and takes a pod spec as anything with Marshal() ([]byte, error).",
		},
		{
			Name:    "tools are imported by nobody",
			From:    []Pattern{"services/..."},
			Never:   []Pattern{"tools/..."},
			Instead: "test beds and generators are programs; start them.",
		},
		{
			Name:       "tests' helpers are for tests",
			From:       []Pattern{"..."},
			But:        testHelpers(),
			Never:      []Pattern{"testing/...", "services/.../*test", "client/.../*test", "tools/.../*test"},
			DirectOnly: true,
			Instead:    "what a program needs is no test helper: move it to the package whose noun it is.",
		},
	}
}

// cores are what is stepped or pure (design 13).
func cores() []Core {
	return []Core{
		{Path: "services/internal/job"},
		{Path: "services/internal/fault"},
		{Path: "services/internal/eventlog/gate.go"},
		{Path: "services/internal/eventlog/draft.go"},
		{Path: "services/internal/eventlog/entry.go"},
		{Path: "services/internal/eventlog/position.go"},
		{Path: "services/internal/eventlog/run.go"},
		{Path: "services/internal/eventlog/memlog", Shell: []string{"appender.go", "broker.go", "log.go", "reader.go"}},
		{Path: "services/scheduler/schedule", Integer: true},
		{Path: "services/scheduler/simulate", Integer: true},
		{Path: "services/scheduler/internal/lead"},
		{Path: "services/executor/internal/lease"},
		{Path: "services/executor/internal/simulated"},
		{Path: "services/eventapi/internal/stream"},
		{Path: "services/lookout/internal/view"},
		{Path: "services/submit/internal/admit"},
	}
}
