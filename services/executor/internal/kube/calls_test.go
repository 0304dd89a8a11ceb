package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/fairlead-batch/fairlead/services/executor/internal/kube"
	"github.com/fairlead-batch/fairlead/services/executor/internal/lease"
)

// TestJudge: which refusals of a pod are for good.
func TestJudge(t *testing.T) {
	t.Parallel()
	pods, namespaces := schema.GroupResource{Resource: "pods"}, schema.GroupResource{Resource: "namespaces"}
	forbidden := func(why string) error { return apierrors.NewForbidden(pods, "armada-x-0", errors.New(why)) }
	for name, tc := range map[string]struct {
		err  error
		want lease.CreateOutcome
	}{
		"invalid":                     {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "armada-x-0", nil), lease.CreateRefused},
		"not allowed":                 {forbidden("violates PodSecurity \"restricted:latest\""), lease.CreateRefused},
		"a limit range":               {forbidden("maximum cpu usage per Container is 2, but limit is 4"), lease.CreateRefused},
		"namespace is going":          {forbidden("unable to create new content in namespace x because it is being terminated"), lease.CreateRefused},
		"no such service account":     {forbidden(`error looking up service account x/mine: serviceaccount "mine" not found`), lease.CreateRefused},
		"namespace is new":            {forbidden(`error looking up service account x/default: serviceaccount "default" not found`), lease.CreateFailed},
		"quota used up":               {forbidden("exceeded quota: q, requested: cpu=1, used: cpu=8, limited: cpu=8"), lease.CreateFailed},
		"quota is new":                {forbidden("status unknown for quota: q, resources: pods"), lease.CreateFailed},
		"no such namespace":           {apierrors.NewNotFound(namespaces, "x"), lease.CreateRefused},
		"the pod went before we read": {apierrors.NewNotFound(pods, "armada-x-0"), lease.CreateFailed},
		"a webhook says no":           {apierrors.NewBadRequest(`admission webhook "w" denied the request: no`), lease.CreateRefused},
		"a webhook is away":           {apierrors.NewInternalError(errors.New("failed calling webhook \"w\"")), lease.CreateFailed},
		"the server is busy":          {apierrors.NewTooManyRequests("busy", 1), lease.CreateFailed},
		"a token ran out":             {apierrors.NewUnauthorized("Unauthorized"), lease.CreateFailed},
		"the line is down":            {context.DeadlineExceeded, lease.CreateFailed},
	} {
		if got := kube.Judge(tc.err); got != tc.want {
			t.Errorf("%s: outcome %d, want %d", name, got, tc.want)
		}
	}
}

// stub is an API server that has nothing, and answers some calls as a test wants.
type stub struct {
	mu sync.Mutex
	// answers are what the next calls of "VERB path" get, the last for ever.
	answers map[string][]any
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Method + " " + r.URL.Path
	var answer any = &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound}
	if list := s.answers[key]; len(list) > 0 {
		answer = list[0]
		s.answers[key] = list[min(1, len(list)-1):]
	}
	w.Header().Set("Content-Type", "application/json")
	if status, ok := answer.(*metav1.Status); ok {
		w.WriteHeader(int(status.Code))
	}
	_ = json.NewEncoder(w).Encode(answer) // the client sees what did not get through
}

// orderAt gives one order to a cluster whose server is a stub, and returns the answer.
func orderAt(t *testing.T, s *stub, order lease.Order) lease.Fact {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	c, err := kube.New(bedConfig(), kube.Deps{Client: client, Now: func() time.Duration { return time.Since(begun) }, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return kube.CarryOut(t.Context(), c, order)
}

func refusal(code int32, reason metav1.StatusReason) *metav1.Status {
	return &metav1.Status{Status: metav1.StatusFailure, Reason: reason, Code: code}
}

// TestNameTaken: a pod of that name is there. It may be the run's own, of an attempt
// whose answer was lost; another run's, which may yet go; or gone again.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	l, other := aLease(t, 1), aLease(t, 2)
	taken := refusal(http.StatusConflict, metav1.StatusReasonAlreadyExists)
	pod := func(l *lease.Lease) *corev1.Pod {
		p, err := kube.Manifest(l, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.APIVersion, p.Kind, p.UID = "v1", "Pod", "u"
		return p
	}
	const path = "/api/v1/namespaces/default/pods"
	for name, tc := range map[string]struct {
		there any
		want  lease.CreateOutcome
	}{
		"the run's":     {pod(l), lease.CreateMade},
		"another run's": {pod(other), lease.CreateFailed},
		"gone":          {&metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: 404, Details: &metav1.StatusDetails{Kind: "pods"}}, lease.CreateFailed},
	} {
		s := &stub{answers: map[string][]any{"POST " + path: {taken}, "GET " + path + "/" + l.PodName: {tc.there}}}
		f, ok := orderAt(t, s, lease.CreatePod{Lease: l, Before: time.Hour}).(lease.Created)
		if !ok || f.Outcome != tc.want || (f.Err == nil) != (tc.want == lease.CreateMade) {
			t.Errorf("%s: %+v, want outcome %d", name, f, tc.want)
		}
		if f.Outcome == lease.CreateMade && f.Pod.UID != "u" {
			t.Errorf("%s: it is pod %+v", name, f.Pod)
		}
	}
}

// TestDeletes: a pod that is another's by now is left alone.
func TestDeletes(t *testing.T) {
	t.Parallel()
	l := aLease(t, 1)
	own, err := kube.Manifest(l, nil)
	if err != nil {
		t.Fatal(err)
	}
	own.APIVersion, own.Kind, own.UID = "v1", "Pod", "u"
	path := "/api/v1/namespaces/default/pods/" + l.PodName
	for name, tc := range map[string]struct {
		answers map[string][]any
		want    lease.DeleteOutcome
	}{
		"not there":                {nil, lease.DeleteAbsent},
		"its UID is another's":     {map[string][]any{"GET " + path: {own}, "DELETE " + path: {refusal(http.StatusConflict, metav1.StatusReasonConflict)}}, lease.DeleteAbsent},
		"it went in between":       {map[string][]any{"GET " + path: {own}}, lease.DeleteAbsent},
		"it goes":                  {map[string][]any{"GET " + path: {own}, "DELETE " + path: {own}}, lease.DeleteAccepted},
		"not allowed to read":      {map[string][]any{"GET " + path: {refusal(http.StatusForbidden, metav1.StatusReasonForbidden)}}, lease.DeleteFailed},
		"not allowed to remove it": {map[string][]any{"GET " + path: {own}, "DELETE " + path: {refusal(http.StatusForbidden, metav1.StatusReasonForbidden)}}, lease.DeleteFailed},
	} {
		f, ok := orderAt(t, &stub{answers: tc.answers}, lease.DeletePod{Run: l.Run, Pod: podOf(l), How: lease.Graceful}).(lease.Deleted)
		if !ok || f.Outcome != tc.want || (f.Err != nil) != (tc.want == lease.DeleteFailed) {
			t.Errorf("%s: %+v, want outcome %d", name, f, tc.want)
		}
	}
}

// TestSaveEpoch: somebody else writes the Lease object between our read and our write.
func TestSaveEpoch(t *testing.T) {
	t.Parallel()
	const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
	stored := func(epoch, holder string) map[string]any {
		return map[string]any{
			"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
			"metadata": map[string]any{"name": "fairlead-executor", "annotations": map[string]string{"fairlead/epoch": epoch}},
			"spec":     map[string]any{"holderIdentity": holder},
		}
	}
	conflict := refusal(http.StatusConflict, metav1.StatusReasonConflict)
	exists := refusal(http.StatusConflict, metav1.StatusReasonAlreadyExists)
	for name, tc := range map[string]struct {
		get, post, put []any
		want           uint64
		err            string
	}{
		"there is none":           {post: []any{stored("5", "bed")}, want: 5},
		"made by another first":   {get: []any{refusal(404, metav1.StatusReasonNotFound), stored("7", "bed")}, post: []any{exists}, want: 7},
		"a lower one":             {get: []any{stored("3", "bed")}, put: []any{stored("5", "bed")}, want: 5},
		"a higher one":            {get: []any{stored("9", "bed")}, want: 9},
		"a higher one in between": {get: []any{stored("3", "bed"), stored("9", "bed")}, put: []any{conflict}, want: 9},
		"no end of conflicts":     {get: []any{stored("3", "bed")}, put: []any{conflict}, err: "somebody else keeps changing it"},
		"not allowed":             {get: []any{stored("3", "bed")}, put: []any{refusal(403, metav1.StatusReasonForbidden)}, err: "write lease default/fairlead-executor"},
		"no number":               {get: []any{stored("many", "bed")}, err: "fairlead/epoch"},
		"another executor's":      {get: []any{stored("3", "other")}, err: "holderIdentity is other, this is bed"},
	} {
		s := &stub{answers: map[string][]any{
			"GET " + path + "/fairlead-executor": tc.get, "POST " + path: tc.post, "PUT " + path + "/fairlead-executor": tc.put,
		}}
		f, ok := orderAt(t, s, lease.SaveEpoch{Epoch: 5}).(lease.EpochSaved)
		switch {
		case !ok, tc.err == "" && (f.Err != nil || f.Epoch != tc.want):
			t.Errorf("%s: %+v, want %d", name, f, tc.want)
		case tc.err != "" && (f.Err == nil || !strings.Contains(f.Err.Error(), tc.err)):
			t.Errorf("%s: %+v, want %q in the error", name, f, tc.err)
		}
	}
}
