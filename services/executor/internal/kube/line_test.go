package kube_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// line is a way to the API server that can be cut.
type line struct {
	// kubeconfig goes this way.
	kubeconfig string
	server     string
	lis        net.Listener

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
	group sync.WaitGroup
}

// newLine makes a way to where a kubeconfig goes. It is taken down with the test.
func newLine(t *testing.T, kubeconfig string) *line {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{lis: lis, conns: map[net.Conn]bool{}}
	l.kubeconfig = rewritten(t, kubeconfig, func(cluster *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) {
		at, err := url.Parse(cluster.Server)
		if err != nil {
			t.Fatal(err)
		}
		// The certificate is for this address, whatever the port.
		l.server, cluster.Server = at.Host, "https://"+lis.Addr().String()
	})
	l.group.Go(l.serve)
	t.Cleanup(func() { l.cut(); lis.Close(); l.group.Wait() })
	return l
}

// serve ends with the listener.
func (l *line) serve() {
	for {
		from, err := l.lis.Accept()
		if err != nil {
			return
		}
		to, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.server)
		if err != nil || !l.keep(from, to) {
			from.Close()
			if err == nil {
				to.Close()
			}
			continue
		}
		for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
			l.group.Go(func() {
				_, _ = io.Copy(pair[0], pair[1]) // until one of them is closed
				from.Close()
				to.Close()
			})
		}
	}
}

// keep notes connections to be cut; false: the line is.
func (l *line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false
	}
	for _, c := range conns {
		l.conns[c] = true
	}
	return true
}

// cut ends every connection and refuses new ones.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// rewritten is a kubeconfig like another, but for what change does.
func rewritten(t *testing.T, kubeconfig string, change func(*clientcmdapi.Cluster, *clientcmdapi.AuthInfo)) string {
	t.Helper()
	cfg, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	current := cfg.Contexts[cfg.CurrentContext]
	change(cfg.Clusters[current.Cluster], cfg.AuthInfos[current.AuthInfo])
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*cfg, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// aLease is one of a pod that runs until it is removed.
func aLease(t *testing.T, number byte) *lease.Lease {
	t.Helper()
	grace := int64(0)
	spec := corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{Name: "main", Image: "alpine"}}}
	wire, err := spec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	run, id := job.RunID{0: 2, 15: number}, job.ID{0: 2, 15: number}
	return &lease.Lease{Run: run, Job: id, Queue: "q", Namespace: "default", Spec: wire, Node: "node-0", PodName: "armada-" + id.String() + "-0"}
}

func podOf(l *lease.Lease) job.Pod {
	return job.Pod{Name: l.PodName, Namespace: l.Namespace, Node: l.Node}
}
