// Package kubetest gives tests a real Kubernetes: API servers with nodes that kwok
// plays the kubelet of, started by tools/kube.
//
//	func TestPods(t *testing.T) {
//		t.Parallel()
//		kubeconfig := kubetest.Start(t, "--nodes", "2")
//		...
//
// They run where FAIRLEAD_KUBE=1 is set, as by make test-kube, and are skipped
// elsewhere: the first start of a version builds it, which takes minutes. Asked for and
// not to be had (no download, no toolchain) it fails the test, with what tools/kube
// says: a run that was to test this and did not is no success.
//
// Each Start is a cluster of its own. It ends with the test and, on Linux, with the
// process, however that ends.
package kubetest

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Start starts a Kubernetes for the test and its parts, with the flags of tools/kube,
// and gives the path of a kubeconfig whose user may do everything.
func Start(t *testing.T, flags ...string) (kubeconfig string) {
	t.Helper()
	if os.Getenv("FAIRLEAD_KUBE") != "1" {
		t.Skip("needs a Kubernetes, whose first build takes minutes: run make test-kube, which sets FAIRLEAD_KUBE=1")
	}
	source := filepath.Join(Root(), "tools", "kube")
	program := filepath.Join(t.TempDir(), "kube")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", source, "-o", program, ".")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tools/kube: %v\n%s", err, out)
	}
	// It outlives the test's context, which ends before clean-ups that need it.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, flags...)
	cmd.Dir, cmd.Stderr = source, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stdin.Close(); err != nil { // which is how it is told to stop
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("tools/kube: %v", err)
		}
	})
	var answer struct {
		Kubeconfig string `json:"kubeconfig"`
	}
	if line, err := bufio.NewReader(stdout).ReadBytes('\n'); err != nil {
		t.Fatalf("no Kubernetes, see above for what tools/kube says: %v", err)
	} else if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatalf("read the answer of tools/kube: %v", err)
	}
	return answer.Kubeconfig
}

// Root is the folder of the project's sources.
func Root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..")
}
