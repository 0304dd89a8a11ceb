package store

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestJSON: a map reads back from what is written of it, whatever its texts are.
func TestJSON(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]*`), rapid.StringMatching(`["\\<>&\n\x7f]*`))
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(texts, texts, 1, 4).Draw(t, "map")
		data := newCopyData(1)
		data.json(want)
		if data.err != nil {
			t.Fatal(data.err)
		}
		value := data.buf[len(copyHeader):]
		if size := binary.BigEndian.Uint32(value); int(size) != len(value)-4 {
			t.Fatalf("a length of %d, want %d", size, len(value)-4)
		}
		var got map[string]string
		if err := json.Unmarshal(value[5:], &got); err != nil || !maps.Equal(got, want) {
			t.Fatalf("%s reads as %v, %v", value[5:], got, err)
		}
	})
}
