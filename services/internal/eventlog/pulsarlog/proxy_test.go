package pulsarlog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a log and the broker and makes the faults of a network: it
// loses answers, repeats what is sent, and holds it up.
type proxy struct {
	listener net.Listener
	// broker and ours are the addresses. Ours is as long, so that it can take the
	// other's place in what the broker says of itself.
	broker, ours string
	running      sync.WaitGroup

	mu sync.Mutex
	// lost and doubled are how many answers are still to be lost, and entries to be
	// sent twice.
	lost, doubled int
	// paused is closed when entries may pass; nil: they may.
	paused chan struct{}
	conns  map[net.Conn]bool
	closed bool
}

// The kinds of frames that are of interest: the first field of a command.
const (
	kindSend    = 6
	kindReceipt = 7
)

func startProxy(t testing.TB, serviceURL string) *proxy {
	t.Helper()
	p := &proxy{broker: strings.TrimPrefix(serviceURL, "pulsar://"), conns: map[net.Conn]bool{}}
	for range 100 {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if p.ours = listener.Addr().String(); len(p.ours) == len(p.broker) {
			p.listener = listener
			break
		}
		listener.Close()
	}
	if p.listener == nil {
		t.Fatalf("no port as long as that of %s", p.broker)
	}
	p.running.Go(p.accept)
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) url() string { return "pulsar://" + p.ours }

func (p *proxy) loseReplies(n int) { p.count(&p.lost, n) }
func (p *proxy) sendTwice(n int)   { p.count(&p.doubled, n) }

func (p *proxy) count(field *int, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*field += n
}

// take takes one of a count, if there is one.
func (p *proxy) take(field *int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *field == 0 {
		return false
	}
	*field--
	return true
}

// pause holds entries up until resume is called.
func (p *proxy) pause() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	paused := make(chan struct{})
	p.paused = paused
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.paused = nil
		close(paused)
	})
}

func (p *proxy) stop() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	if p.paused != nil {
		close(p.paused)
		p.paused = nil
	}
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		broker, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.broker)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client, broker) {
			return
		}
		l := &link{proxy: p, client: client, broker: broker}
		p.running.Go(func() { l.copy(client, l.toBroker) })
		p.running.Go(func() { l.copy(broker, l.toClient) })
	}
}

// keep notes connections, or closes them when the proxy was stopped.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			c.Close()
		}
		p.conns[c] = true
	}
	return !p.closed
}

// link is one client's connection and ours to the broker.
type link struct {
	proxy          *proxy
	client, broker net.Conn
	// writing guards the broker's side: entries that were held up come from beside.
	writing sync.Mutex
	// held are entries that are held up, in order; nil: none are.
	held [][]byte
}

var errLost = errors.New("the answer is lost")

// copy hands the frames of one side over until either side ends.
func (l *link) copy(from net.Conn, hand func(frame []byte) error) {
	defer l.client.Close()
	defer l.broker.Close()
	for {
		frame, err := readFrame(from)
		if err != nil || hand(frame) != nil {
			return
		}
	}
}

// readFrame reads a frame with the length before it.
func readFrame(from io.Reader) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(from, size); err != nil {
		return nil, err
	}
	frame := append(bytes.Clone(size), make([]byte, binary.BigEndian.Uint32(size))...)
	_, err := io.ReadFull(from, frame[4:])
	return frame, err
}

// kind is that of a frame: length, length of the command, its first field.
func kind(frame []byte) byte {
	if len(frame) < 10 || frame[8] != 0x08 {
		return 0
	}
	return frame[9]
}

func (l *link) toClient(frame []byte) error {
	if kind(frame) == kindReceipt && l.proxy.take(&l.proxy.lost) {
		return errLost
	}
	// Where the broker says where it is, the client has to come to us.
	_, err := l.client.Write(bytes.ReplaceAll(frame, []byte("pulsar://"+l.proxy.broker), []byte("pulsar://"+l.proxy.ours)))
	return err
}

func (l *link) toBroker(frame []byte) error {
	if kind(frame) != kindSend {
		return l.write(frame)
	}
	if l.proxy.take(&l.proxy.doubled) {
		frame = append(frame, frame...)
	}
	l.proxy.mu.Lock()
	paused := l.proxy.paused
	l.proxy.mu.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	if paused == nil && l.held == nil {
		_, err := l.broker.Write(frame)
		return err
	}
	if l.held == nil {
		l.proxy.running.Go(func() { l.release(paused) })
	}
	l.held = append(l.held, frame)
	return nil
}

func (l *link) write(frame []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	_, err := l.broker.Write(frame)
	return err
}

// release sends what was held up.
func (l *link) release(paused <-chan struct{}) {
	<-paused
	l.writing.Lock()
	defer l.writing.Unlock()
	for _, frame := range l.held {
		_, _ = l.broker.Write(frame) // a connection that is gone lost them
	}
	l.held = nil
}
