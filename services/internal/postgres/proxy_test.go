package postgres_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a client and a real server, and breaks the line where a
// test wants it. What the server does is so always the real thing.
type proxy struct {
	addr string

	// refuse closes new connections at once; each such is told to refused, once.
	refuse  atomic.Bool
	refused chan struct{}

	// cut is asked about what a client sends, before it is passed on.
	cut func(sent []byte) cut
}

// cut says what to do with a client's message.
type cut int

const (
	passOn    cut = iota
	swallow       // the server never gets it; the client's line is cut
	dropReply     // the server gets it and answers; then the client's line is cut
)

// newProxy passes connections on to server until the test ends.
func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: listener.Addr().String(), refused: make(chan struct{}, 1), cut: func([]byte) cut { return passOn }}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	t.Cleanup(func() { // cleanups run last in, first out: pools that came later are closed by now
		listener.Close()
		cancel()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if p.refuse.Load() {
				client.Close()
				select {
				case p.refused <- struct{}{}:
				default:
				}
				continue
			}
			all.Go(func() { p.serve(ctx, client, server) })
		}
	})
	return p
}

func (p *proxy) serve(ctx context.Context, client net.Conn, server string) {
	defer client.Close()
	upstream, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	stop := context.AfterFunc(ctx, func() { client.Close(); upstream.Close() })
	defer stop()
	var muted atomic.Bool
	var replies sync.WaitGroup
	defer replies.Wait()
	answered := make(chan struct{}, 1)
	replies.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := upstream.Read(buffer)
			if err != nil {
				return
			}
			if muted.Load() {
				answered <- struct{}{}
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	defer upstream.Close() // before the wait for replies
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		switch p.cut(buffer[:n]) {
		case swallow:
			return
		case dropReply:
			muted.Store(true)
			if _, err := io.Copy(upstream, bytes.NewReader(buffer[:n])); err != nil {
				return
			}
			<-answered // the server has done it
			return
		case passOn:
			if _, err := upstream.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}
