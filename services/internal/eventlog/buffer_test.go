package eventlog_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

const most = eventlog.BufferBytesMax

// take begins a Take in a goroutine of the bubble and says how it stands.
func take(ctx context.Context, b *eventlog.Buffer, bytes int) func() (done bool, err error) {
	result := make(chan error, 1)
	go func() { result <- b.Take(ctx, bytes) }()
	synctest.Wait()
	return func() (bool, error) {
		synctest.Wait()
		select {
		case err := <-result:
			return true, err
		default:
			return false, nil
		}
	}
}

func TestBufferWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b eventlog.Buffer
		if done, err := take(t.Context(), &b, most-1)(); !done || err != nil {
			t.Fatalf("into an empty buffer: %t, %v", done, err)
		}
		large, small := take(t.Context(), &b, 2*most), take(t.Context(), &b, 1)
		if done, _ := large(); done {
			t.Fatal("twice the buffer had room beside something")
		}
		if done, _ := small(); done {
			t.Fatal("a small one overtook the one before it, which would so wait for ever")
		}
		b.Give(most - 1)
		if done, err := large(); !done || err != nil {
			t.Fatalf("larger than an empty buffer: %t, %v", done, err)
		}
		if done, _ := small(); done {
			t.Fatal("there was room beside twice the buffer")
		}
		b.Give(2 * most)
		if done, err := small(); !done || err != nil {
			t.Fatalf("after all was given back: %t, %v", done, err)
		}
	})
}

// TestBufferLeave: who stops waiting takes nothing and holds up nobody.
func TestBufferLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b eventlog.Buffer
		take(t.Context(), &b, most-1)
		ctx, cancel := context.WithCancel(t.Context())
		leaves, stays := take(ctx, &b, most), take(t.Context(), &b, 1)
		cancel()
		if done, err := leaves(); !done || !errors.Is(err, context.Canceled) {
			t.Fatalf("who left: %t, %v", done, err)
		}
		if done, err := stays(); !done || err != nil {
			t.Fatalf("who stood behind: %t, %v", done, err)
		}
	})
}

func TestBufferClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b eventlog.Buffer
		take(t.Context(), &b, most)
		waits := take(t.Context(), &b, 1)
		b.Close()
		b.Close()
		if done, err := waits(); !done || !errors.Is(err, eventlog.ErrClosed) {
			t.Fatalf("who waited: %t, %v", done, err)
		}
		if done, err := take(t.Context(), &b, 1)(); !done || !errors.Is(err, eventlog.ErrClosed) {
			t.Fatalf("who came later: %t, %v", done, err)
		}
	})
}
