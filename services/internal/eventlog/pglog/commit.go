package pglog

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// commitTimeout bounds one attempt to store a group: longer, and the connection
	// is taken for dead, which a network does not always tell.
	commitTimeout = 30 * time.Second
	// The waits between attempts to reach the database, doubled from the first to the
	// second.
	retryWaitMin = 10 * time.Millisecond
	retryWaitMax = time.Second
)

// commitSettings are those of the connection that commits. A process that is
// paused in a transaction holds the heads of its partitions, which everybody
// waits for, so the server ends that soon.
func commitSettings(params map[string]string) {
	params["synchronous_commit"] = "on"
	params["idle_in_transaction_session_timeout"] = "10000" // milliseconds
	params["application_name"] = "fairlead log appender"
}

// commitGroups stores group after group until ctx is done.
func (l *Log) commitGroups(ctx context.Context) {
	link := &link{log: l, settings: commitSettings}
	defer link.drop(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.queue.due.C:
		case <-l.queue.full:
		}
		group := l.queue.take()
		if len(group) == 0 {
			continue
		}
		for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
			err := l.commitGroup(ctx, link, group)
			if err == nil {
				break
			}
			link.drop(ctx) // whatever it is, a new connection has no part in it
			if ctx.Err() != nil {
				return
			}
			l.metrics.retries.Inc()
			l.setTrouble(fmt.Errorf("append: %w", err))
			if sleep(ctx, nil, wait) != nil {
				return
			}
		}
	}
}

// commitGroup stores a group in one transaction and tells of it. After any error
// it may be called again with the same group: the author rows say what an attempt
// has stored whose answer was lost.
func (l *Log) commitGroup(ctx context.Context, link *link, group []*pending) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commitTimeout, fmt.Errorf("not stored within %s", commitTimeout))
	defer cancel()
	conn, err := link.get(ctx)
	if err != nil {
		return err
	}
	l.committer.Store(conn.PgConn().PID())
	found, err := lockHeads(ctx, conn, group)
	if err != nil {
		return err
	}
	for appender, why := range refusals(group, found) {
		l.log.Error("an appender is ended", zap.Error(why))
		l.queue.fail(appender, why)
	}
	todo := l.arrange(group, found)
	if len(todo.authors) == 0 { // all is stored already
		if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
			return fmt.Errorf("end transaction: %w", err)
		}
	} else {
		for _, e := range group {
			e.tried = true
		}
		if err := writeGroup(ctx, conn, l.channel, found, todo); err != nil {
			return err
		}
	}
	l.setTrouble(nil)
	for partition, newest := range found.newest {
		l.tails[partition].publish(newest, todo.entries[partition])
	}
	l.metrics.count(todo)
	l.queue.stored(group)
	return nil
}
