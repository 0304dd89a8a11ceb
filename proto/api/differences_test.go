package api_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// differences returns a sentence for each line that is not the same, in order.
func differences(want, got surface) []string {
	var found []string
	value := func(s surface, key string) string {
		if line, ok := s[key]; ok {
			return line
		}
		return "nothing"
	}
	for key := range want {
		if value(want, key) != value(got, key) {
			found = append(found, key+": want "+value(want, key)+"; got "+value(got, key))
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			found = append(found, key+": want nothing; got "+got[key])
		}
	}
	slices.Sort(found)
	return found
}

// A comparison that finds nothing is only worth something if it would find each kind of change.
func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(queue *descriptorpb.DescriptorProto, rest *descriptorpb.FileDescriptorProto)
		want   string
	}{
		"number of a field": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				named(q.GetField(), "cordoned").Number = proto.Int32(18)
			},
			want: "field api.Queue.cordoned: want 8, optional, bool; got 18, optional, bool",
		},
		"type of a field": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				named(q.GetField(), "priority_factor").Type = descriptorpb.FieldDescriptorProto_TYPE_FLOAT.Enum()
			},
			want: "field api.Queue.priority_factor: want 2, optional, double; got 2, optional, float",
		},
		"label of a field": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				named(q.GetField(), "user_owners").Label = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
			},
			want: "field api.Queue.user_owners: want 3, repeated, string; got 3, optional, string",
		},
		"JSON name of a field": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				named(q.GetField(), "name").JsonName = new("queue")
			},
			want: "field api.Queue.name: want 1, optional, string; got 1, optional, string, json queue",
		},
		"deprecation of a field": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				named(q.GetField(), "resource_limits").Options = nil
			},
			want: "field api.Queue.resource_limits: want 5, repeated, api.Queue.ResourceLimitsEntry, deprecated; got 5, repeated, api.Queue.ResourceLimitsEntry",
		},
		"type of a map's values": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				named(named(q.GetNestedType(), "LabelsEntry").GetField(), "value").Type = descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()
			},
			want: "field api.Queue.LabelsEntry.value: want 2, optional, string; got 2, optional, bytes",
		},
		"field that is not there": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				i := slices.Index(q.GetField(), named(q.GetField(), "labels"))
				q.Field = slices.Delete(q.GetField(), i, i+1)
			},
			want: "field api.Queue.labels: want 10, repeated, api.Queue.LabelsEntry; got nothing",
		},
		"line that the client has not": {
			change: func(q *descriptorpb.DescriptorProto, _ *descriptorpb.FileDescriptorProto) {
				q.ReservedName = append(q.ReservedName, "colour")
			},
			want: "name api.Queue.colour: want nothing; got reserved",
		},
		"members of a oneof": {
			change: func(_ *descriptorpb.DescriptorProto, f *descriptorpb.FileDescriptorProto) {
				named(named(f.GetMessageType(), "StreamingQueueMessage").GetField(), "end").OneofIndex = nil
			},
			want: "field api.StreamingQueueMessage.end: want 2, optional, api.EndMarker, oneof event; got 2, optional, api.EndMarker",
		},
		"streaming of a method": {
			change: func(_ *descriptorpb.DescriptorProto, f *descriptorpb.FileDescriptorProto) {
				named(named(f.GetService(), "QueueService").GetMethod(), "GetQueues").ServerStreaming = nil
			},
			want: "method api.QueueService/GetQueues: want api.StreamingQueueGetRequest -> stream of api.StreamingQueueMessage; got api.StreamingQueueGetRequest -> api.StreamingQueueMessage",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := fileOf("api.Queue")
			want := surfaceOf([]*descriptorpb.FileDescriptorProto{file}, "api")
			tc.change(named(file.GetMessageType(), "Queue"), file)
			got := differences(want, surfaceOf([]*descriptorpb.FileDescriptorProto{file}, "api"))
			if !slices.Equal(got, []string{tc.want}) {
				t.Errorf("differences:\ngot  %q\nwant %q", got, []string{tc.want})
			}
		})
	}
}

// named returns the one of descriptors that is called name, which is written in this file.
func named[D interface{ GetName() string }](descriptors []D, name string) D {
	return descriptors[slices.IndexFunc(descriptors, func(d D) bool { return d.GetName() == name })]
}

// fileOf returns the file of ours that declares name.
func fileOf(name protoreflect.FullName) *descriptorpb.FileDescriptorProto {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		panic(err) // the name is written in this file
	}
	return protodesc.ToFileDescriptorProto(d.ParentFile())
}
