package api_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	kubev1 "k8s.io/api/core/v1"

	pb "github.com/fairlead-batch/fairlead/proto/gen/api"
	submitv1 "github.com/fairlead-batch/fairlead/proto/gen/fairlead/submit/v1"
	corev1 "github.com/fairlead-batch/fairlead/proto/gen/k8s.io/api/core/v1"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestTwin: what submit reads is the public request, field by field: the same number,
// name and cardinality, and a type that is the same on the wire. Only fields without
// effect are left out.
func TestTwin(t *testing.T) {
	t.Parallel()
	compareTwin(t, (&pb.JobSubmitRequest{}).ProtoReflect().Descriptor(), (&submitv1.JobSubmitRequest{}).ProtoReflect().Descriptor(), nil)
	compareTwin(t, (&pb.JobSubmitRequestItem{}).ProtoReflect().Descriptor(), (&submitv1.JobSubmitRequestItem{}).ProtoReflect().Descriptor(),
		[]protoreflect.Name{"required_node_labels", "scheduler"})
}

func compareTwin(t *testing.T, public, twin protoreflect.MessageDescriptor, without []protoreflect.Name) {
	t.Helper()
	fields := public.Fields()
	if got := twin.Fields().Len() + len(without); got != fields.Len() {
		t.Errorf("%s has %d fields with those left out, want %d", twin.FullName(), got, fields.Len())
	}
	for i := range fields.Len() {
		want := fields.Get(i)
		if slices.Contains(without, want.Name()) {
			continue
		}
		got := twin.Fields().ByNumber(want.Number())
		if got == nil || got.Name() != want.Name() || got.Cardinality() != want.Cardinality() || got.HasPresence() != want.HasPresence() || !alike(want, got) {
			t.Errorf("%s: the twin has %v, want %v", want.FullName(), got, want)
		}
	}
}

// alike says that two types are the same on the wire.
func alike(public, twin protoreflect.FieldDescriptor) bool {
	switch {
	case public.IsMap():
		entry := twin.Message()
		return entry != nil && entry.Fields().Len() == 2 &&
			entry.Fields().ByNumber(1).Kind() == public.MapKey().Kind() && entry.Fields().ByNumber(2).Kind() == public.MapValue().Kind()
	case public.Message() == nil:
		return twin.Kind() == public.Kind()
	case public.Message().FullName() == (&corev1.PodSpec{}).ProtoReflect().Descriptor().FullName():
		return twin.Kind() == protoreflect.BytesKind
	}
	return twin.Message() != nil && (twin.Message().FullName() == public.Message().FullName() || twin.Message().Name() == public.Message().Name())
}

// TestSpecsInAnyOrder: clients write the maps of one spec in any order, and it is one
// spec in the log all the same.
func TestSpecsInAnyOrder(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.createQueue("q")
	spec := pod(t, func(s *kubev1.PodSpec) { s.NodeSelector = map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"} })
	items := make([]*pb.JobSubmitRequestItem, 50) // Go's client writes each in an order of its own
	for i := range items {
		items[i] = &pb.JobSubmitRequestItem{Namespace: "ns", PodSpecs: one(spec)}
	}
	if _, err := b.submit.SubmitJobs(t.Context(), request(items...)); err != nil {
		t.Fatal(err)
	}
	var first job.SubmittedEvent
	for _, body := range b.bodies(eventlog.Events) {
		for i, e := range body.Batches[0].Events {
			e, _ := e.(job.SubmittedEvent)
			if i == 0 {
				first = e
			}
			if e.Spec != first.Spec || e.Shape != first.Shape {
				t.Errorf("job %d does not share its spec with the first", i)
			}
		}
	}
	if first.Spec == nil {
		t.Error("no job was published")
	}
}
