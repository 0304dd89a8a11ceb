package job_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// TestIDText compares the text form with the library that makes the ids.
func TestIDText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := job.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		theirs, err := ulid.ParseStrict(id.String())
		if err != nil || job.ID(theirs) != id {
			t.Fatalf("%x is %s for us and %x, %v for the library", id[:], id, theirs[:], err)
		}
		back, err := job.ParseID(theirs.String()) // upper case
		if err != nil || back != id {
			t.Fatalf("ParseID(%s) = %s, %v", theirs, back, err)
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"empty":             "",
		"too short":         "01arz3ndektsv4rrffq69g5fa",
		"too long":          "01arz3ndektsv4rrffq69g5favv",
		"above 128 bits":    "81arz3ndektsv4rrffq69g5fav",
		"no digit":          "01arz3ndektsv4rrffq69g5fau",
		"not ASCII":         "01arz3ndektsv4rrffq69g5fé",
		"an old style UUID": "6ba7b810-9dad-11d1-80b4-00",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if id, err := job.ParseID(text); !errors.Is(err, job.ErrID) {
				t.Fatalf("ParseID(%q) = %s, %v; want ErrID", text, id, err)
			}
		})
	}
}

func TestIDInJSON(t *testing.T) {
	t.Parallel()
	type row struct {
		Job job.ID
		Run job.RunID
	}
	want := row{job.ID{1, 2}, job.RunID{3}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got row
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Fatalf("%s gave %+v, %v", b, got, err)
	}
}
