package api_test

import (
	"context"
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	kubev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	pb "github.com/fairlead-batch/fairlead/proto/gen/api"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/internal/auth"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog/memlog"
	"github.com/fairlead-batch/fairlead/services/internal/eventwire"
	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/rpctest"
	"github.com/fairlead-batch/fairlead/services/submit/internal/admit"
	"github.com/fairlead-batch/fairlead/services/submit/internal/api"
	"github.com/fairlead-batch/fairlead/services/submit/internal/events"
	"github.com/fairlead-batch/fairlead/services/submit/internal/podspec"
	"github.com/fairlead-batch/fairlead/services/submit/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 4

// moment is when everything happens.
var moment = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// bed is a server over a connection, with a log and a store in memory.
type bed struct {
	t      testing.TB
	submit pb.SubmitClient
	queues pb.QueueServiceClient
	store  *store.Memory
	log    *memlog.Log
	may    *may
	// away is why nothing can be published.
	away error
}

func (b *bed) ready() error { return b.away }

// may allows what is in it, to anybody: a permission, or a verb of a queue.
type may struct {
	all   bool
	what  []string
	asked []auth.Question
}

func (m *may) Authorize(p auth.Principal, q auth.Question) error {
	m.asked = append(m.asked, q)
	if m.all || slices.Contains(m.what, string(q.Permission)) {
		return nil
	}
	return fault.NewDenied("%s lacks permission %s", p.Name, q.Permission)
}

func newBed(t testing.TB) *bed {
	t.Helper()
	broker, err := memlog.NewBroker(memlog.Config{Partitions: partitions}, memlog.ResendAll, func() time.Time { return moment })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	log, err := broker.Open(partitions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	b := &bed{t: t, store: store.NewMemory(), log: log, may: &may{all: true}}
	publisher := events.New(events.Config{
		Partitions: partitions, PublishTimeout: 10 * time.Second, SubmitWithin: time.Minute, Poll: time.Millisecond, PositionAge: time.Second, RelayLease: time.Minute,
	}, events.Deps{
		Store: b.store, Log: log, NewID: ids(), Metrics: prometheus.NewRegistry(),
		Clock: events.Clock{
			Now: func() time.Time { return moment }, Timeout: context.WithTimeout,
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		},
	})
	if err := publisher.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := api.New(api.Deps{
		Rules: rules(), Defaults: podspec.Defaults{GraceSeconds: 1}, Queues: b.store, Publisher: publisher, Ready: b.ready, Auth: b.may,
		Now: func() time.Time { return moment },
	})
	conn := rpctest.Serve(t, func(r grpc.ServiceRegistrar) {
		r.RegisterService(api.SubmitDesc(), server)
		pb.RegisterQueueServiceServer(r, server)
	})
	b.submit, b.queues = pb.NewSubmitClient(conn), pb.NewQueueServiceClient(conn)
	return b
}

// ids counts, so that a test can name them.
func ids() func() [16]byte {
	var n atomic.Uint64
	return func() (id [16]byte) {
		binary.BigEndian.PutUint64(id[8:], n.Add(1))
		return id
	}
}

func rules() admit.Rules {
	return admit.Rules{
		JobsMax: 1000, SpecBytesMax: 65535,
		Classes:             map[string]admit.Class{"armada-default": {}, "armada-preemptible": {Preemptible: true}},
		DefaultClass:        "armada-default",
		OversubscriptionMax: map[string]*big.Rat{},
		GraceSecondsMin:     1, GraceSecondsMax: 300,
	}
}

func (b *bed) createQueue(name string) {
	b.t.Helper()
	if _, err := b.queues.CreateQueue(b.t.Context(), &pb.Queue{Name: name, PriorityFactor: 1}); err != nil {
		b.t.Fatal(err)
	}
}

// pod is a pod spec as a client sends it.
func pod(t testing.TB, change func(*kubev1.PodSpec)) *corev1.PodSpec {
	t.Helper()
	amounts := kubev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("1Gi")}
	spec := kubev1.PodSpec{Containers: []kubev1.Container{{
		Name: "main", Image: "alpine:3.20", Args: []string{"sleep", "1"}, Resources: kubev1.ResourceRequirements{Requests: amounts, Limits: amounts},
		Ports: []kubev1.ContainerPort{{ContainerPort: 80}},
	}}}
	change(&spec)
	raw, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	out := &corev1.PodSpec{}
	if err := proto.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func plain(*kubev1.PodSpec) {}

// bodies are what the log holds, of the events stream or of control.
func (b *bed) bodies(stream eventlog.Stream) (out []eventwire.Body) {
	b.t.Helper()
	for n := range uint32(partitions) {
		p := eventlog.Partition{Stream: stream, Number: n}
		if stream == eventlog.Control && n > 0 {
			break
		}
		bounds, err := b.log.Bounds(b.t.Context(), p)
		if err != nil {
			b.t.Fatal(err)
		}
		reader, err := b.log.Read(b.t.Context(), p, bounds.Oldest)
		if err != nil {
			b.t.Fatal(err)
		}
		defer reader.Close()
		for at := bounds.Oldest; at.Before(bounds.Newest); {
			run, err := reader.Next(b.t.Context())
			if err != nil {
				b.t.Fatal(err)
			}
			for _, e := range run.Entries {
				body, err := eventwire.Decode(e.Body)
				if err != nil {
					b.t.Fatal(err)
				}
				out = append(out, body)
			}
			at = run.To
		}
	}
	return out
}

// wantError says that err has a code, and a text that contains another.
func wantError(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), text) {
		t.Errorf("error %v: want %s with %q", err, code, text)
	}
}
