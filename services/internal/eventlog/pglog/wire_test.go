package pglog

import (
	"io"
	"maps"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestCopyReader: in whatever pieces it is read, it gives the same bytes, and they
// are those of the format. The server judges the format in every other test.
func TestCopyReader(t *testing.T) {
	t.Parallel()
	rows := []copyRow{{partition: 3, number: 1 << 33, frame: []byte("frame")}, {partition: 0, number: 1}}
	want := copySignature +
		"\x00\x03" + "\x00\x00\x00\x04\x00\x00\x00\x03" + "\x00\x00\x00\x08\x00\x00\x00\x02\x00\x00\x00\x00" + "\x00\x00\x00\x05frame" +
		"\x00\x03" + "\x00\x00\x00\x04\x00\x00\x00\x00" + "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00" +
		"\xff\xff"
	if err := iotest.TestReader(newCopyReader(rows), []byte(want)); err != nil {
		t.Error(err)
	}
	got, err := io.ReadAll(iotest.OneByteReader(newCopyReader(rows)))
	if err != nil || string(got) != want {
		t.Errorf("byte by byte: %q, %v", got, err)
	}
}

func TestNews(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(rapid.Int32Range(0, partitionsMax), rapid.Uint64Max(1<<62), 0, partitionsMax+1).Draw(t, "news")
		var partitions []int32
		var newest []uint64
		for p, n := range want {
			partitions, newest = append(partitions, p), append(newest, n)
		}
		text := encodeNews(partitions, newest)
		if len(text) >= 8000 {
			t.Fatalf("a notification of %d bytes", len(text))
		}
		if got := decodeNews(text); !maps.Equal(got, want) {
			t.Fatalf("%v became %v", want, got)
		}
	})
}

// FuzzDecodeNews: anybody may notify; nothing that he sends may do harm.
func FuzzDecodeNews(f *testing.F) {
	f.Add("3:17 4:2")
	f.Add("x:1 1: :2 -1:5 99999999999:1 1:1:1")
	f.Fuzz(func(t *testing.T, payload string) {
		for partition := range decodeNews(payload) {
			if partition < 0 {
				t.Fatalf("partition %d", partition)
			}
		}
	})
}
