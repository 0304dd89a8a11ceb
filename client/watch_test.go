package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-batch/fairlead/client"
	"github.com/fairlead-batch/fairlead/proto/gen/api"
)

type eventStream = grpc.ServerStreamingServer[api.EventStreamMessage]

// send sends the events after the one that the request names, up to the last one
// given: their ids are numbers.
func send(req *api.JobSetRequest, out eventStream, last int) error {
	first := 1
	if id := req.GetFromMessageId(); id != "" {
		from, err := strconv.Atoi(id)
		if err != nil {
			return status.Errorf(codes.InvalidArgument, "id %q", id)
		}
		first = from + 1
	}
	for i := first; i <= last; i++ {
		if err := out.Send(&api.EventStreamMessage{Id: strconv.Itoa(i)}); err != nil {
			return err
		}
	}
	return nil
}

// numbers are the ids 1 to n.
func numbers(n int) []string {
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(i+1))
	}
	return all
}

// upTo returns a callback that keeps ids in got and ends the watch at the last one.
func upTo(got *[]string, last string) func(*api.EventStreamMessage) bool {
	return func(m *api.EventStreamMessage) bool {
		*got = append(*got, m.GetId())
		return m.GetId() != last
	}
}

// However a stream ends before its time, the watch goes on at the event after the last
// and no event comes twice.
func TestWatchResumes(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]error{
		"server stops":         status.Error(codes.Unavailable, "stopping"),
		"proxy's limit":        status.Error(codes.DeadlineExceeded, "stream timeout"),
		"overload":             status.Error(codes.ResourceExhausted, "later"),
		"fault of the server":  status.Error(codes.Internal, "internal error"),
		"error without a code": errors.New("oh"),
		"ended without error":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests []string
				c := against(t, &peer{events: func(req *api.JobSetRequest, out eventStream) error {
					requests = append(requests, req.GetFromMessageId())
					if !req.GetWatch() || req.GetQueue() != "q" || req.GetId() != "set" || !req.GetErrorIfMissing() {
						return status.Errorf(codes.InvalidArgument, "request %v", req)
					}
					if err := send(req, out, 3*len(requests)); err != nil {
						return err
					}
					return end
				}})
				var got []string
				lost := 0
				err := c.Watch(t.Context(), client.WatchRequest{
					Queue: "q", JobSet: "set", MustExist: true, Lost: func(error) { lost++ },
				}, upTo(&got, "8"))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, numbers(8)) {
					t.Errorf("events %v, want each of 1 to 8 once", got)
				}
				if want := []string{"", "3", "6"}; !slices.Equal(requests, want) {
					t.Errorf("requests from %q, want %q", requests, want)
				}
				if lost != 2 {
					t.Errorf("told %d times that the connection was lost, want 2", lost)
				}
			})
		})
	}
}

// A server that dies takes the connection with it; the next one at the same address
// goes on.
func TestWatchSurvivesServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{}
		h.start(t, &peer{events: func(req *api.JobSetRequest, out eventStream) error {
			if err := send(req, out, 3); err != nil {
				return err
			}
			<-out.Context().Done()
			return out.Context().Err()
		}})
		c := connect(t, h)
		var got []string
		begun, lost := time.Now(), 0
		var back time.Time
		err := c.Watch(t.Context(), client.WatchRequest{JobSet: "set", Lost: func(error) {
			if lost++; back.IsZero() && time.Since(begun) > 5*time.Minute {
				back = time.Now()
				h.start(t, &peer{events: func(req *api.JobSetRequest, out eventStream) error { return send(req, out, 6) }})
			}
		}}, func(m *api.EventStreamMessage) bool {
			if m.GetId() == "3" {
				go h.stop()
			}
			return upTo(&got, "6")(m)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, numbers(6)) {
			t.Errorf("events %v, want each of 1 to 6 once", got)
		}
		if lost < 60 {
			t.Errorf("%d attempts in 5 minutes: fewer than one in 5 s", lost)
		}
		// One pause of the watch, and before it one of the connection, 5 s and a fifth.
		if took := time.Since(back); took > 11*time.Second {
			t.Errorf("went on %v after the server came back", took)
		}
	})
}

// The waits double up to 5 s, less at most half, and begin anew once something came.
func TestWatchBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		c := against(t, &peer{events: func(req *api.JobSetRequest, out eventStream) error {
			at = append(at, time.Now())
			last := 0
			switch len(at) {
			case 10:
				last = 1
			case 13:
				last = 2
			}
			if err := send(req, out, last); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "stopping")
		}})
		var got []string
		if err := c.Watch(t.Context(), client.WatchRequest{JobSet: "set"}, upTo(&got, "2")); err != nil {
			t.Fatal(err)
		}
		if len(at) != 13 {
			t.Fatalf("%d attempts, want 13", len(at))
		}
		const ms = time.Millisecond
		for i, most := range []time.Duration{
			100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms, 5000 * ms, // the tenth brings an event
			100 * ms, 200 * ms, 400 * ms,
		} {
			if wait := at[i+1].Sub(at[i]); wait < most/2 || wait > most {
				t.Errorf("wait %d is %v, want from %v to %v", i+1, wait, most/2, most)
			}
		}
	})
}

// What the server will not do is not asked for again.
func TestWatchRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{
		codes.NotFound, codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument, codes.OutOfRange, codes.Unimplemented,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := against(t, &peer{events: func(*api.JobSetRequest, eventStream) error {
				calls++
				return status.Error(code, "no")
			}})
			err := c.Watch(t.Context(), client.WatchRequest{JobSet: "set", Lost: func(err error) { t.Errorf("lost: %v", err) }}, never(t))
			if want := fmt.Sprintf("watch job set set: rpc error: code = %v desc = no", code); err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			if status.Code(err) != code || calls != 1 {
				t.Errorf("code %v after %d calls, want %v after 1", status.Code(err), calls, code)
			}
		})
	}
}

// never is a callback for watches that have nothing to see.
func never(t *testing.T) func(*api.EventStreamMessage) bool {
	t.Helper()
	return func(m *api.EventStreamMessage) bool {
		t.Errorf("event %s", m.GetId())
		return true
	}
}

// Once ends with the stream, and not with a lost connection.
func TestWatchOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := against(t, &peer{events: func(req *api.JobSetRequest, out eventStream) error {
			calls++
			if req.GetWatch() {
				return status.Error(codes.InvalidArgument, "asked to watch")
			}
			if calls == 1 {
				return errors.Join(send(req, out, 2), status.Error(codes.Unavailable, "stopping"))
			}
			return send(req, out, 5)
		}})
		var got []string
		if err := c.Watch(t.Context(), client.WatchRequest{JobSet: "set", From: "1", Once: true}, upTo(&got, "none")); err != nil {
			t.Fatal(err)
		}
		if want := []string{"2", "3", "4", "5"}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
	})
}

// A context that is done ends the watch wherever it is, and says why.
func TestWatchContext(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	for name, tc := range map[string]struct {
		lost bool // between two streams; else inside of one
	}{
		"in a stream":     {lost: false},
		"between streams": {lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				c := against(t, &peer{events: func(_ *api.JobSetRequest, out eventStream) error {
					if calls.Add(1); tc.lost {
						return status.Error(codes.Unavailable, "stopping")
					}
					<-out.Context().Done()
					return out.Context().Err()
				}})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				begun := time.Now()
				if !tc.lost {
					time.AfterFunc(time.Hour, func() { cancel(enough) })
				}
				err := c.Watch(ctx, client.WatchRequest{JobSet: "set", Lost: func(error) { cancel(enough) }}, never(t))
				if !errors.Is(err, enough) || calls.Load() != 1 {
					t.Errorf("error %v after %d calls, want %v after 1", err, calls.Load(), enough)
				}
				if took := time.Since(begun); tc.lost && took != 0 {
					t.Errorf("ended %v after it was told to", took)
				}
			})
		})
	}
}

// Closing the client ends its watches, though a lost connection alone would not.
func TestCloseEndsWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := against(t, &peer{events: func(req *api.JobSetRequest, out eventStream) error {
			if err := send(req, out, 1); err != nil {
				return err
			}
			<-out.Context().Done()
			return out.Context().Err()
		}})
		err := c.Watch(t.Context(), client.WatchRequest{JobSet: "set"}, func(*api.EventStreamMessage) bool {
			return c.Close() == nil
		})
		if status.Code(err) != codes.Canceled {
			t.Errorf("error %v, want Canceled", err)
		}
	})
}
