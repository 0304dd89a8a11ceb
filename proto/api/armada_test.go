// Package api_test proves that the public API is on the wire what Armada's clients expect.
package api_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/fairlead-batch/fairlead/proto/gen/api"
	_ "github.com/fairlead-batch/fairlead/proto/gen/binoculars"
	_ "github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
)

// makeClientWithin bounds the making of the Python environment, which the first run downloads.
const makeClientWithin = 5 * time.Minute

// The protos that Armada's published Python client was generated from, and ours, have the same surface,
// except for what testdata/beyond.txt lists and explains: that the package lacks, and it must be as it is
// written there.
func TestSameAsArmadaClient(t *testing.T) {
	t.Parallel()
	packages := []string{"api", "binoculars", "schedulerobjects"}
	want := surfaceOf(armadaClient(t), packages...)
	got := surfaceOf(registered(), packages...)
	if len(want) < 300 {
		t.Fatalf("the client's protos have %d lines: they were not read whole", len(want))
	}

	for key, line := range beyond(t) {
		if _, ok := want[key]; ok {
			t.Errorf("%s: the client has it, so it does not belong into testdata/beyond.txt", key)
		}
		want[key] = line
	}
	for _, d := range differences(want, got) {
		t.Error(d)
	}
}

// Kubernetes' protos only ever grow, and ours are of a later version than the client's: whatever the
// client can say, we understand in the same way.
func TestKubernetesTypesHoldArmadaClients(t *testing.T) {
	t.Parallel()
	want := surfaceOf(armadaClient(t), "k8s.io")
	got := surfaceOf(registered(), "k8s.io")
	if len(want) < 1000 {
		t.Fatalf("the client's Kubernetes protos have %d lines: they were not read whole", len(want))
	}

	for key := range got {
		if _, ok := want[key]; !ok {
			delete(got, key) // later than the client
		}
	}
	for _, d := range differences(want, got) {
		t.Error(d)
	}
}

// registered returns the files of all generated code that is linked in.
func registered() []*descriptorpb.FileDescriptorProto {
	var files []*descriptorpb.FileDescriptorProto
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		files = append(files, protodesc.ToFileDescriptorProto(f))
		return true
	})
	return files
}

// armadaClient returns the files that the Python package armada-client was generated from. It needs
// Python 3, and the first time a package index.
func armadaClient(t *testing.T) []*descriptorpb.FileDescriptorProto {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: makes a Python environment")
	}
	ctx, cancel := context.WithTimeout(t.Context(), makeClientWithin)
	defer cancel()
	venv := strings.TrimSpace(string(output(ctx, t, "../../tools/pyclient/venv.sh")))
	raw := output(ctx, t, venv+"/bin/python", "../../tools/pyclient/descriptors.py")
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(raw, &set); err != nil {
		t.Fatalf("decode the descriptors of armada-client: %v", err)
	}
	return set.GetFile()
}

func output(ctx context.Context, t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v\n%s", name, err, stderr.String())
	}
	return out
}

// beyond reads the lines that are ours alone.
func beyond(t *testing.T) surface {
	t.Helper()
	raw, err := os.ReadFile("testdata/beyond.txt")
	if err != nil {
		t.Fatalf("read what is ours alone: %v", err)
	}
	s := surface{}
	for text := range strings.Lines(string(raw)) {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		key, line, ok := strings.Cut(text, ": ")
		if _, twice := s[key]; !ok || twice {
			t.Fatalf("testdata/beyond.txt: %q is no line of its own", text)
		}
		s[key] = line
	}
	return s
}
