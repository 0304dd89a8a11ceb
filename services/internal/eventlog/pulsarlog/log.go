package pulsarlog

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/pulsar-client-go/pulsar"
	"github.com/apache/pulsar-client-go/pulsar/backoff"
	pulsarlogger "github.com/apache/pulsar-client-go/pulsar/log"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

const (
	// retryWaitMin and retryWaitMax bound how long is waited between tries.
	retryWaitMin = 50 * time.Millisecond
	retryWaitMax = time.Second
	// busyFor is how long a subscription or a topic may be busy before that is trouble:
	// replicas that start together make and move the same ones.
	busyFor = 5 * time.Second
	// operationTimeout is how long the client tries to make a producer or a reader
	// before it is asked again.
	operationTimeout = 10 * time.Second
	connectTimeout   = 5 * time.Second
)

// Log is the log in Pulsar. Make it with [Open] and run it with Run. It is safe for
// concurrent use.
type Log struct {
	config  Config
	admin   *admin
	client  pulsar.Client
	codec   *eventlog.Codec
	log     *zap.Logger
	metrics metrics

	// ctx ends when Run has ended; it is that of lines and readers, which live as long.
	ctx  context.Context //nolint:containedctx // the log's own, not a caller's
	stop context.CancelFunc
	// working are lines and readers.
	working sync.WaitGroup
	// trouble is why Pulsar cannot be used; nil: it can.
	trouble atomic.Pointer[error]

	mu      sync.Mutex
	closed  bool
	authors map[eventlog.Author]bool

	// floors guards ended: where each partition ended when the marks were moved last.
	floors sync.Mutex
	ended  map[eventlog.Partition]eventlog.Position
}

var _ eventlog.Log = (*Log)(nil)

// Open opens the log, and makes what is missing of it: namespaces with their
// retention, topics, marks. While Pulsar is away it waits, as long as ctx allows.
// The caller runs the log, or Close ends it. Errors: what Config.Validate gives,
// ErrPartitions, ErrRetention.
func Open(ctx context.Context, config Config, deps Deps) (*Log, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("check log configuration: %w", err)
	}
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	if deps.Registerer == nil {
		deps.Registerer = prometheus.NewRegistry() // without one the client takes the process' own
	}
	codec, err := eventlog.NewCodec()
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	secured, err := config.security()
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	counted, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	client, err := pulsar.NewClient(clientOptions(config, secured, deps.Registerer))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{
		config: config.withDefaults(), admin: newAdmin(config.AdminURL, secured), client: client, codec: codec, log: deps.Log,
		metrics: counted,
		authors: map[eventlog.Author]bool{}, ended: map[eventlog.Partition]eventlog.Position{},
	}
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := l.found(ctx); err != nil {
		l.Close()
		return nil, fmt.Errorf("open log: %w", err)
	}
	return l, nil
}

// clientOptions are those of Pulsar's client.
func clientOptions(config Config, secured security, metrics prometheus.Registerer) pulsar.ClientOptions {
	options := pulsar.ClientOptions{
		URL: config.ServiceURL, ConnectionTimeout: connectTimeout, OperationTimeout: operationTimeout,
		MemoryLimitBytes:  -1, // each appender has its own limit, and one must not wait for another
		MetricsRegisterer: metrics,
		Logger:            pulsarlogger.NewLoggerWithSlog(slog.New(slog.DiscardHandler)), // a line a try; Ready and our two lines say it once
		// Not one tls.Config for all: each broker has a name of its own to be checked.
		TLSTrustCertsFilePath: config.TLS.CAFile, TLSCertificateFile: config.TLS.CertFile, TLSKeyFilePath: config.TLS.KeyFile,
		TLSValidateHostname: true, TLSMinVersion: tls.VersionTLS12,
	}
	if secured.token != nil {
		options.Authentication = pulsar.NewAuthenticationTokenFromSupplier(secured.token)
	}
	return options
}

// Run keeps the log until ctx is done: a part (package run). It returns nil then,
// and never earlier. When it has returned, readers and appenders are closed, and
// what was appended and is not known to be stored is of unknown outcome: whoever
// wants to know closes its appenders first. It is called once.
func (l *Log) Run(ctx context.Context) error {
	defer l.Close()
	tick := time.NewTicker(floorEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := l.moveFloors(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("a mark of the log could not be moved; trying again", zap.Error(err))
		}
	}
}

// Close ends a log that was opened and is not run. It may be called twice.
func (l *Log) Close() {
	l.mu.Lock()
	wasClosed := l.closed
	l.closed = true
	l.mu.Unlock()
	if wasClosed {
		return
	}
	l.stop()
	l.working.Wait()
	l.client.Close()
	l.admin.close()
}

// begin starts a line or a reader, unless the log is closed.
func (l *Log) begin(work func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return eventlog.ErrClosed
	}
	l.working.Go(work)
	return nil
}

// Ready returns nil when Pulsar could be used when it was used last, else why not.
// It is for readiness; appends and reads wait and go on by themselves.
func (l *Log) Ready() error {
	if err := l.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// setTrouble notes and logs when Pulsar stops or begins to be usable.
func (l *Log) setTrouble(err error) {
	if err == nil {
		if before := l.trouble.Swap(nil); before != nil {
			l.log.Info("Pulsar can be used again")
		}
		return
	}
	if before := l.trouble.Swap(&err); before == nil {
		l.metrics.trouble.Inc()
		l.log.Warn("Pulsar cannot be used; trying until it can", zap.Error(err))
	}
}

// Bounds are the ends of a partition, as eventlog.Log says. While Pulsar is away it
// waits, as long as ctx allows.
func (l *Log) Bounds(ctx context.Context, p eventlog.Partition) (eventlog.Bounds, error) {
	if err := p.Check(l.config.Partitions); err != nil {
		return eventlog.Bounds{}, fmt.Errorf("find bounds: %w", err)
	}
	e, err := l.ends(ctx, p)
	if err != nil {
		return eventlog.Bounds{}, fmt.Errorf("find bounds: %w", err)
	}
	return e.bounds(), nil
}

// partitions are all of the log.
func (l *Log) partitions() []eventlog.Partition {
	all := []eventlog.Partition{eventlog.ControlPartition}
	for n := range l.config.Partitions {
		all = append(all, eventlog.Partition{Stream: eventlog.Events, Number: n})
	}
	return all
}

// path is a partition as the admin API names it.
func (l *Log) path(p eventlog.Partition) string {
	namespace := l.config.EventsNamespace
	if p.Stream == eventlog.Control {
		namespace = l.config.ControlNamespace
	}
	return fmt.Sprintf("persistent/%s/%s/%s-partition-%d", l.config.Tenant, namespace, p.Stream, p.Number)
}

// topic is a partition as the client names it.
func (l *Log) topic(p eventlog.Partition) string {
	return "persistent://" + l.path(p)[len("persistent/"):]
}

// patiently tries until it goes well, fails for good, ctx is done or the log is
// closed.
func (l *Log) patiently(ctx context.Context, try func() error) error {
	waited := time.Duration(0)
	for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
		err := try()
		if err == nil || !passing(err) {
			l.setTrouble(nil)
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		if waited >= busyFor || !refused(err, http.StatusPreconditionFailed) {
			l.setTrouble(err)
		}
		select {
		case <-time.After(wait):
			waited += wait
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-l.ctx.Done():
			return eventlog.ErrClosed
		}
	}
}

// ask makes one request to the admin API, patiently.
func (l *Log) ask(ctx context.Context, method, path string, body, into any) error {
	return l.patiently(ctx, func() error { return l.admin.do(ctx, method, path, body, into) })
}

// reconnects is how soon the client comes back to a broker: its own waits grow to a
// minute.
func reconnects() backoff.Policy { return &steps{} }

// steps waits from retryWaitMin to retryWaitMax, twice as long each time.
type steps struct{ last time.Duration }

// Next is how long to wait now.
func (s *steps) Next() time.Duration {
	s.last = min(max(2*s.last, retryWaitMin), retryWaitMax)
	return s.last
}

// IsMaxBackoffReached is never asked for anything we use.
func (s *steps) IsMaxBackoffReached() bool { return s.last == retryWaitMax }

// Reset begins anew.
func (s *steps) Reset() { s.last = 0 }
