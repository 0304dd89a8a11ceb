package cli_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

// parted is a server with a queue that is part of another.
func parted() *peer {
	return &peer{queues: []*api.Queue{{
		Name: "part", PriorityFactor: 1, Labels: map[string]string{"team": "x", "fairlead/parent": "lab", "fairlead/guarantee": "cpu=20"},
	}}}
}

// some is a server with two queues.
func some() *peer {
	return &peer{queues: []*api.Queue{
		{Name: "lab", PriorityFactor: 1},
		{
			Name: "research", PriorityFactor: 2.5, Cordoned: true, Labels: map[string]string{"team": "blue", "cost": "12"},
			Permissions: []*api.Queue_Permissions{{
				Subjects: []*api.Queue_Permissions_Subject{{Kind: "User", Name: "alice"}, {Kind: "Group", Name: "everybody-in-the-building"}},
				Verbs:    []string{"submit"},
			}},
		},
	}}
}

// refuseAll answers every call that is no stream with an error.
func refuseAll(code codes.Code, text string) *peer {
	return &peer{refuse: func(string, any) error { return status.Error(code, text) }}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	golden(t, map[string]check{
		"list":               {peer: some(), args: words("queue list")},
		"list none":          {args: words("queue list")},
		"list none json":     {args: words("queue list -o json")},
		"list json":          {peer: some(), args: words("queue list -o json")},
		"list yaml":          {peer: some(), args: words("queue list -o yaml")},
		"list narrow":        {peer: some(), args: words("queue list"), columns: 60},
		"get":                {peer: some(), args: words("queue get research")},
		"get yaml":           {peer: some(), args: words("queue get lab -o yaml")},
		"get unknown":        {peer: some(), args: words("queue get nobody")},
		"create":             {args: words("queue create q")},
		"create all flags":   {args: words("queue create q --priority-factor 3 --owner a,b --owner c --group-owner g --label k=v --retry-policy r")},
		"create part":        {args: words("queue create q --parent lab --guarantee cpu=20,memory=80Gi --borrow cpu=100 --lend cpu=0")},
		"update part":        {peer: some(), args: words("queue update research --parent lab")},
		"update labels":      {peer: parted(), args: words("queue update part --label a=b --lend cpu=1")},
		"update no part":     {peer: parted(), args: []string{"queue", "update", "part", "--parent", ""}},
		"create json":        {args: words("queue create q -o json")},
		"create exists":      {peer: refuseAll(codes.AlreadyExists, `[x-request-id: "r-1"] queue "q" exists already`), args: words("queue create q")},
		"update one field":   {peer: some(), args: words("queue update research --priority-factor 4")},
		"update lists":       {peer: some(), args: []string{"queue", "update", "research", "--label", "a=b", "--retry-policy", "", "--owner", ""}},
		"update nothing":     {peer: some(), args: words("queue update research")},
		"update unknown":     {peer: some(), args: words("queue update nobody --priority-factor 4")},
		"delete":             {peer: some(), args: words("queue delete lab research")},
		"delete some":        {peer: some(), args: words("queue delete nobody lab")},
		"delete some json":   {peer: some(), args: words("queue delete nobody lab -o json")},
		"delete none":        {peer: some(), args: words("queue delete nobody nothing")},
		"delete one unknown": {peer: some(), args: words("queue delete nobody")},
		"cordon":             {peer: some(), args: words("queue cordon lab")},
		"uncordon":           {peer: some(), args: words("queue uncordon lab research")},
	})
}
