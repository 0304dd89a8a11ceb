package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// stages say how kwok's nodes and pods live.
//
//go:embed stages.yaml
var stages []byte

const (
	// readyWithin is how long the servers may take to be ready; 3 s is usual, more on a
	// busy machine.
	readyWithin = 2 * time.Minute
	// token is that of the only user, who may do everything. The server listens on
	// loopback alone and lives for a test.
	token = "admin-token"
)

// cluster is a Kubernetes that runs.
type cluster struct {
	programs programs
	folder   string
	// running are the children in the order of their start.
	running []*process
	// ended gets those that end.
	ended chan *process
	url   string
}

func newCluster(programs programs) (*cluster, error) {
	folder, err := os.MkdirTemp("", "fairlead-kube-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	return &cluster{programs: programs, folder: folder, ended: make(chan *process, 3)}, nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.folder, name) }

func (c *cluster) kubeconfig() string { return c.path("kubeconfig") }

// stop ends the children, last started first: an apiserver whose etcd went before it
// hangs for minutes.
func (c *cluster) stop() error {
	for _, p := range slices.Backward(c.running) {
		p.stop()
	}
	if err := os.RemoveAll(c.folder); err != nil {
		return fmt.Errorf("remove folder: %w", err)
	}
	return nil
}

// start brings everything up and returns when the nodes are ready.
func (c *cluster) start(ctx context.Context, opts options) error {
	begun := time.Now()
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	c.url = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	if err := c.writeFiles(); err != nil {
		return err
	}
	etcd, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	if err := c.spawn("etcd", c.programs.etcd, "--name=n", "--data-dir="+c.path("etcd"),
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd, "--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer, "--initial-cluster=n="+peer, "--log-level=warn", "--unsafe-no-fsync"); err != nil {
		return err
	}
	if err := c.spawn("kube-apiserver", c.programs.apiserver, "--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[2]),
		"--cert-dir="+c.path("certs"), "--token-auth-file="+c.path("tokens.csv"), "--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file="+c.path("sa.key"), "--service-account-key-file="+c.path("sa.key"),
		"--endpoint-reconciler-type=none", "--profiling=false",
		// What these ask for the controller-manager would do, and there is none.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	a := &api{url: c.url, ca: c.path("certs/apiserver.crt")}
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default"} {
		if err := c.await(ctx, path, func() error { return a.get(ctx, path, nil) }); err != nil {
			return err
		}
	}
	if err := c.spawn("kwok", c.programs.kwok, "--kubeconfig="+c.kubeconfig(), "--config="+c.path("stages.yaml"),
		"--manage-all-nodes=true", "--node-ip=127.0.0.1", "--cidr=10.244.0.0/16"); err != nil {
		return err
	}
	for i := range opts.nodes {
		if err := a.createNode(ctx, fmt.Sprintf("node-%d", i), opts); err != nil {
			return err
		}
	}
	if err := c.await(ctx, "nodes", func() error { return a.nodesReady(ctx, opts.nodes) }); err != nil {
		return err
	}
	progress("%d nodes ready in %s at %s", opts.nodes, time.Since(begun).Round(10*time.Millisecond), c.url)
	return nil
}

func (c *cluster) spawn(name string, command []string, args ...string) error {
	p, err := spawn(c.folder, name, append(slices.Clone(command), args...), c.ended)
	if err != nil {
		return err
	}
	c.running = append(c.running, p)
	return nil
}

// await tries until it works, a child ends or the time is over.
func (c *cluster) await(ctx context.Context, what string, try func() error) error {
	const pause = 50 * time.Millisecond
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last: %w", what, ctx.Err(), err)
		case p := <-c.ended:
			return p.failure()
		case <-time.After(pause):
		}
	}
}

// writeFiles writes what the servers read, and the kubeconfig.
func (c *cluster) writeFiles() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: kube, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: kube, context: {cluster: kube, user: admin}}]
current-context: kube
`, c.url, c.path("certs/apiserver.crt"), token)
	return errors.Join(
		os.WriteFile(c.path("sa.key"), block, 0o600),
		os.WriteFile(c.path("tokens.csv"), []byte(token+",admin,admin-uid,\"system:masters\"\n"), 0o600),
		os.WriteFile(c.path("stages.yaml"), stages, 0o600),
		os.WriteFile(c.kubeconfig(), []byte(kubeconfig), 0o600),
	)
}

// freePorts finds ports of loopback that nobody has. Somebody may take one before the
// child does; then the child ends and says so.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() //nolint:errcheck // all are held until all are found
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
