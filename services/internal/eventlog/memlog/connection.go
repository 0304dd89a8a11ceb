package memlog

import (
	"fmt"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// author is a process that writes.
type author struct {
	id      eventlog.Author
	crashed bool
	// connections are few and made as they are needed, so a slice finds them.
	connections []*connection
}

// link is the state of a connection.
type link uint8

const (
	// up: requests arrive and answers come back.
	up link = iota
	// deaf: requests arrive and answers do not come back.
	deaf
	// down: nothing arrives.
	down
)

// connection carries the entries of one author to one partition.
type connection struct {
	partition eventlog.Partition
	link      link
	// numbered is the sequence that was given last.
	numbered uint64
	// queue are the requests that are not acknowledged; the first stored of them
	// are in the log without the author knowing it, which a connection that is up
	// never has.
	queue  []request
	stored int
}

type request struct {
	entry eventlog.Entry
	tag   uint64
}

func (c *Core) author(id eventlog.Author) *author {
	a, known := c.authors[id]
	if !known {
		a = &author{id: id}
		c.authors[id] = a
	}
	return a
}

func (a *author) connection(p eventlog.Partition) *connection {
	for _, conn := range a.connections {
		if conn.partition == p {
			return conn
		}
	}
	conn := &connection{partition: p}
	a.connections = append(a.connections, conn)
	return conn
}

func (c *Core) append(in Append) []Output {
	a := c.author(in.Author)
	if err := c.check(a, in.Drafts); err != nil {
		return []Output{Refused{Author: in.Author, Tag: in.Tag, Err: err}}
	}
	if len(in.Drafts) == 0 {
		return []Output{Acknowledged{Author: in.Author, Tag: in.Tag}}
	}
	c.tags[tag{in.Author, in.Tag}] = len(in.Drafts)
	var out []Output
	for _, d := range in.Drafts {
		conn := a.connection(d.Partition)
		conn.numbered++
		entry := eventlog.Entry{Header: d.Header(in.Author, conn.numbered), Body: d.Body}
		conn.queue = append(conn.queue, request{entry: entry, tag: in.Tag})
		if conn.link != down {
			out = append(out, Sent{Author: in.Author, Partition: d.Partition})
		}
	}
	return out
}

// check refuses all of a call or nothing. Whether an entry is too large as it
// would be stored takes compression, which is the shell's.
func (c *Core) check(a *author, drafts []eventlog.Draft) error {
	if a.id.IsZero() {
		return fmt.Errorf("append as %s: the author is nobody", a.id)
	}
	if a.crashed {
		return fmt.Errorf("append as %s: %w", a.id, eventlog.ErrClosed)
	}
	for _, d := range drafts {
		if err := d.Check(c.config.Partitions); err != nil {
			return err
		}
	}
	return nil
}

func (c *Core) deliver(now time.Time, in Deliver) []Output {
	a := c.author(in.Author)
	conn := a.connection(in.Partition)
	if conn.link == down || conn.stored == len(conn.queue) {
		return nil
	}
	if in.Fate == LoseRequest {
		return c.lose(a, conn)
	}
	it := item{entry: conn.queue[conn.stored].entry, at: now}
	p := c.at(in.Partition)
	to := p.store(it)
	if in.Fate == StoreTwice {
		to = p.store(it)
	}
	out := []Output{Stored{Partition: in.Partition, To: to}}
	conn.stored++
	switch {
	case in.Fate == LoseReply && conn.link == up && !a.crashed:
		conn.link = deaf
		return append(out, Lost{Author: a.id, Partition: in.Partition})
	case conn.link == up:
		return append(out, c.acknowledge(a, conn)...)
	}
	return out
}

// lose breaks a connection. What a crashed author had on its way is gone with it.
func (c *Core) lose(a *author, conn *connection) []Output {
	before := conn.link
	conn.link = down
	if a.crashed {
		for _, r := range conn.queue {
			delete(c.tags, tag{a.id, r.tag})
		}
		conn.queue, conn.stored = nil, 0
		return nil
	}
	if before == deaf {
		return nil // it is known to be lost
	}
	return []Output{Lost{Author: a.id, Partition: conn.partition}}
}

// acknowledge takes what is stored off the queue and tells a living author.
func (c *Core) acknowledge(a *author, conn *connection) (out []Output) {
	for _, r := range conn.queue[:conn.stored] {
		key := tag{a.id, r.tag}
		c.tags[key]--
		if c.tags[key] > 0 {
			continue
		}
		delete(c.tags, key)
		if !a.crashed {
			out = append(out, Acknowledged{Author: a.id, Tag: r.tag})
		}
	}
	conn.queue, conn.stored = conn.queue[conn.stored:], 0
	return out
}

func (c *Core) resend(in Resend) []Output {
	a := c.author(in.Author)
	conn := a.connection(in.Partition)
	if a.crashed || conn.link == up {
		return nil
	}
	conn.stored = 0
	return conn.mend(a)
}

func (c *Core) settle(in Settle) []Output {
	a := c.author(in.Author)
	conn := a.connection(in.Partition)
	if a.crashed || conn.link == up {
		return nil
	}
	return append(c.acknowledge(a, conn), conn.mend(a)...)
}

// mend brings a connection up and sends all that is queued.
func (conn *connection) mend(a *author) (out []Output) {
	conn.link = up
	for range conn.queue {
		out = append(out, Sent{Author: a.id, Partition: conn.partition})
	}
	return out
}
