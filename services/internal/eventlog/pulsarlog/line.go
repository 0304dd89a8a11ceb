package pulsarlog

import (
	"errors"
	"fmt"

	"github.com/apache/pulsar-client-go/pulsar"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
)

// pendingMax is how many entries a producer sends before the first is answered.
const pendingMax = 1000

// line sends the entries of one author to one partition, in order, until it knows
// that each is stored. The appender's lock guards what is not constant.
type line struct {
	appender  *appender
	partition eventlog.Partition
	// woken has a token when there is something to send, or the producer ended.
	woken chan struct{}

	// sequence is the last that was given.
	sequence uint64
	// queue are the entries not known to be stored, of which the first sent are on
	// their way with the producer in use.
	queue []*pending
	sent  int
	// producer counts those that were used; broken is why the present one ended.
	producer int
	broken   error
}

// pending is an entry that is not known to be stored.
type pending struct {
	frame  []byte
	call   *call
	stored bool
}

// startLine needs the appender's lock.
func (a *appender) startLine(p eventlog.Partition) (*line, error) {
	l := &line{appender: a, partition: p, woken: make(chan struct{}, 1)}
	if err := a.log.begin(l.run); err != nil {
		return nil, err
	}
	return l, nil
}

// add numbers a frame and puts it at the end. It needs the lock.
func (l *line) add(frame []byte, c *call) {
	l.sequence++
	eventlog.Number(frame, l.sequence)
	l.queue = append(l.queue, &pending{frame: frame, call: c})
	l.wake()
}

func (l *line) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// run makes producers until the appender ends. One is enough unless the client gives
// it up.
func (l *line) run() {
	for l.appender.ctx.Err() == nil {
		producer, err := l.open()
		if err != nil {
			return // the appender has ended
		}
		err = l.send(producer)
		producer.Close()
		if isFinal(err) {
			l.appender.fail(fmt.Errorf("%s: %w", l.partition, err))
			return
		}
	}
}

// open makes a producer. The error is that the appender has ended.
func (l *line) open() (producer pulsar.Producer, err error) {
	log := l.appender.log
	err = log.patiently(l.appender.ctx, func() error {
		producer, err = log.client.CreateProducer(pulsar.ProducerOptions{
			Topic:           log.topic(l.partition),
			SendTimeout:     -1, // never: an entry of unknown outcome would be a hole
			DisableBatching: true, CompressionType: pulsar.NoCompression,
			MaxPendingMessages: pendingMax, BackOffPolicyFunc: reconnects,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	log.metrics.producers.Inc()
	l.appender.mu.Lock()
	defer l.appender.mu.Unlock()
	l.producer++
	l.sent, l.broken = 0, nil // all that is not known to be stored goes again
	return producer, nil
}

// send gives entries to a producer until that or the appender ends, and says why the
// producer did.
func (l *line) send(producer pulsar.Producer) error {
	for {
		entry, number, err := l.next()
		switch {
		case err != nil:
			return err
		case entry == nil:
			select {
			case <-l.woken:
			case <-l.appender.ctx.Done():
				return nil
			}
		default:
			producer.SendAsync(l.appender.ctx, &pulsar.ProducerMessage{Payload: entry.frame},
				func(_ pulsar.MessageID, _ *pulsar.ProducerMessage, err error) { l.answered(entry, number, err) })
		}
	}
}

// next takes the next entry to send, nil if there is none, and the number of the
// producer it goes with.
func (l *line) next() (*pending, int, error) {
	l.appender.mu.Lock()
	defer l.appender.mu.Unlock()
	if l.broken != nil || l.sent == len(l.queue) {
		return nil, 0, l.broken
	}
	l.sent++
	return l.queue[l.sent-1], l.producer, nil
}

// answered notes what a producer says of an entry. It may be told of one entry by
// several, and by one that is not in use any more: stored is stored, whoever says so.
func (l *line) answered(entry *pending, producer int, err error) {
	a := l.appender
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		if producer == l.producer && l.broken == nil {
			l.broken = err
			l.wake()
		}
		return
	}
	if entry.stored {
		return
	}
	entry.stored = true
	a.log.metrics.entries.Inc()
	a.log.metrics.bytes.Add(float64(len(entry.frame)))
	entry.call.left--
	if entry.call.left == 0 {
		a.settle(entry.call, nil)
	}
	for len(l.queue) > 0 && l.queue[0].stored {
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.sent = max(0, l.sent-1)
	}
}

// isFinal says whether another producer would be told the same.
func isFinal(err error) bool {
	return errors.Is(err, pulsar.ErrMessageTooLarge) || errors.Is(err, pulsar.ErrTopicTerminated)
}
