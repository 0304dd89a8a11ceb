package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

func TestConstructorsGiveTheirKind(t *testing.T) {
	t.Parallel()
	made := []*fault.Error{
		fault.NewInvalid(fault.Violation{Field: "priority", Value: "-1", Rule: "at least 0"}),
		fault.NewNotFound("could not find queue %q", "q"),
		fault.NewExists("queue %q exists", "q"),
		fault.NewConflict("queue %q has jobs", "q"),
		fault.NewUnauthenticated("no credentials"),
		fault.NewDenied("ann lacks permission submit_any_jobs"),
		fault.NewUnavailable("the log is behind"),
		fault.NewExhausted("over 100 jobs a second"),
		fault.NewTooLarge("5 MiB, the limit is 4 MiB"),
		fault.NewOutOfRange("events before %s are gone", "x"),
		fault.NewUnimplemented("no exec here"),
	}
	var kinds []fault.Kind
	for _, e := range made {
		kinds = append(kinds, e.Kind())
		if e.Text() == "" || e.Error() != e.Text() {
			t.Errorf("%s: text %q, error %q: want the same, not empty", e.Kind(), e.Text(), e)
		}
		if strings.Contains(e.Kind().String(), "Kind(") {
			t.Errorf("kind %d has no name", e.Kind())
		}
	}
	if diff := cmp.Diff(fault.Kinds(), kinds); diff != "" {
		t.Errorf("every kind has a constructor (-want +got):\n%s", diff)
	}
}

func TestZeroKindIsNone(t *testing.T) {
	t.Parallel()
	if got := fault.Kind(0).String(); got != "fault.Kind(0)" {
		t.Errorf("String = %q", got)
	}
	if got := fault.KindOf(errors.New("plain")); got != 0 {
		t.Errorf("KindOf(plain) = %v, want 0", got)
	}
	if got := fault.KindOf(nil); got != 0 {
		t.Errorf("KindOf(nil) = %v, want 0", got)
	}
}

// Wrapping and causes are for the log; kind and the caller's text stay.
func TestWrappedAndCaused(t *testing.T) {
	t.Parallel()
	cause := errors.New("23503 queue_fk")
	plain := fault.NewNotFound("could not find queue %q", "q")
	err := fmt.Errorf("look up: %w", plain.Because(cause))

	e, ok := fault.As(err)
	if !ok || e.Kind() != fault.NotFound || e.Text() != `could not find queue "q"` {
		t.Errorf("As = %v, %v", e, ok)
	}
	if want := `look up: could not find queue "q": 23503 queue_fk`; err.Error() != want {
		t.Errorf("for the log: %q, want %q", err, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if plain.Unwrap() != nil {
		t.Error("Because changed its receiver")
	}
}

func TestCheckReportsAllAtOnce(t *testing.T) {
	t.Parallel()
	var c fault.Check
	if err := c.Err(); err != nil {
		t.Fatalf("empty check: %v", err)
	}
	c.Violate("queue", "", "must not be empty")
	c.Violate("items[3].priority", -1.5, "at least 0")
	c.Violate("items[4].pod_spec", nil, "is missing")
	e, _ := fault.As(c.Err())
	want := []fault.Violation{
		{Field: "queue", Value: "", Rule: "must not be empty"},
		{Field: "items[3].priority", Value: "-1.5", Rule: "at least 0"},
		{Field: "items[4].pod_spec", Value: "", Rule: "is missing"},
	}
	if diff := cmp.Diff(want, e.Violations()); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	const text = `value "" is invalid for field "queue": must not be empty; ` +
		`value "-1.5" is invalid for field "items[3].priority": at least 0; ` +
		`value "" is invalid for field "items[4].pod_spec": is missing`
	if e.Text() != text {
		t.Errorf("text = %q", e.Text())
	}
}

func TestCheckIsBounded(t *testing.T) {
	t.Parallel()
	var c fault.Check
	for i := range 250 {
		c.Violate(fmt.Sprintf("items[%d]", i), strings.Repeat("ü", 200), "too long")
	}
	e, _ := fault.As(c.Err())
	all := e.Violations()
	if len(all) != 101 || all[100].Rule != "and 150 more violations" {
		t.Errorf("%d violations, last %v: want 100 and a count", len(all), all[len(all)-1])
	}
	if want := strings.Repeat("ü", 80) + "…"; all[0].Value != want {
		t.Errorf("value = %q, want 80 runes", all[0].Value)
	}
	again, _ := fault.As(c.Err())
	if diff := cmp.Diff(all, again.Violations()); diff != "" {
		t.Errorf("Err changed the check:\n%s", diff)
	}
}
