package pglog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// watchSettings are those of the connection that listens.
func watchSettings(params map[string]string) {
	params["application_name"] = "fairlead log watcher"
}

// watch wakes this process' readers for what other processes append, until ctx is
// done.
func (l *Log) watch(ctx context.Context) {
	link := &link{log: l, settings: watchSettings}
	defer link.drop(ctx)
	for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
		conn, err := l.listen(ctx, link)
		for err == nil {
			wait = retryWaitMin
			err = l.hear(ctx, conn)
		}
		if ctx.Err() != nil {
			return
		}
		l.setTrouble(fmt.Errorf("watch: %w", err))
		link.drop(ctx)
		if sleep(ctx, nil, wait) != nil {
			return
		}
	}
}

// listen subscribes, and then looks at what came before.
func (l *Log) listen(ctx context.Context, link *link) (*pgx.Conn, error) {
	conn, err := link.get(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{l.channel}.Sanitize()); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := l.look(ctx, conn); err != nil {
		return nil, err
	}
	l.setTrouble(nil) // a process that only reads has nobody else to say so
	return conn, nil
}

// hear waits for one notification, or for PollInterval.
func (l *Log) hear(ctx context.Context, conn *pgx.Conn) error {
	timed, cancel := context.WithTimeout(ctx, PollInterval)
	defer cancel()
	news, err := conn.WaitForNotification(timed)
	switch {
	case err == nil:
		l.note(news)
		return nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && !conn.IsClosed():
		return l.look(ctx, conn)
	}
	return fmt.Errorf("wait for notification: %w", err)
}

// note passes a notification on. Our own tell nothing new, and would make readers
// ask the database for what they are about to be given.
func (l *Log) note(n *pgconn.Notification) {
	if n.PID == l.committer.Load() {
		return
	}
	for partition, newest := range decodeNews(n.Payload) {
		if int(partition) < len(l.tails) {
			l.tails[partition].saw(newest)
		}
	}
}

// look reads all heads.
func (l *Log) look(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commitTimeout, fmt.Errorf("no answer within %s", commitTimeout))
	defer cancel()
	rows, err := conn.Query(ctx, "SELECT partition, newest FROM head")
	if err != nil {
		return fmt.Errorf("read heads: %w", err)
	}
	var partition int32
	var newest uint64
	_, err = pgx.ForEachRow(rows, []any{&partition, &newest}, func() error {
		if int(partition) < len(l.tails) {
			l.tails[partition].saw(newest)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read heads: %w", err)
	}
	return nil
}
