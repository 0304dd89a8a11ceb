package eventlog

import (
	"errors"
	"fmt"
)

// Draft is an entry to be written. The log gives it author, sequence and position.
type Draft struct {
	Partition Partition
	// Kind is Facts unless the gate is meant.
	Kind Kind
	// Epoch is the scheduler's; zero for everybody else.
	Epoch uint64
	// Plan, Part and Parts as in Header.
	Plan        uint64
	Part, Parts uint32
	// Closes is the author that an AuthorClosed closes.
	Closes Author
	// Body is not changed afterwards by either side.
	Body []byte
}

// Check refuses a draft that no reader would take, before it is numbered. That it
// is too large once it is framed shows only then. Errors: ErrPartitions,
// ErrTooLarge, and what is wrong with the rest of it.
func (d Draft) Check(partitions uint32) error {
	if err := d.Partition.Check(partitions); err != nil {
		return fmt.Errorf("append to %s: %w", d.Partition, err)
	}
	if len(d.Body) > BodyBytesMax {
		return fmt.Errorf("append to %s: %w: a body of %d bytes, at most %d", d.Partition, ErrTooLarge, len(d.Body), BodyBytesMax)
	}
	if err := check(d.Header(Author{1}, 1)); err != nil {
		return fmt.Errorf("append to %s: %w", d.Partition, err)
	}
	return nil
}

// Header is the draft's header once its author and sequence are known. It is for
// implementations of [Appender].
func (d Draft) Header(author Author, sequence uint64) Header {
	return Header{
		Author: author, Sequence: sequence, Kind: d.Kind, Epoch: d.Epoch,
		Plan: d.Plan, Part: d.Part, Parts: d.Parts, Closes: d.Closes,
	}
}

// check refuses headers that no appender writes.
func check(h Header) error {
	switch {
	case h.Author.IsZero() || h.Sequence == 0:
		return errors.New("no author or sequence")
	case h.Kind < Facts || h.Kind > AuthorClosed:
		return fmt.Errorf("kind %d", h.Kind)
	case h.Kind == Fence && h.Epoch == 0:
		return errors.New("a fence without an epoch")
	case (h.Kind == AuthorClosed) == h.Closes.IsZero():
		return errors.New("a close of nobody, or of somebody by another kind")
	case (h.Plan == 0) != (h.Parts == 0) || h.Part > h.Parts || (h.Parts > 0 && h.Part == 0):
		return fmt.Errorf("part %d of %d of plan %d", h.Part, h.Parts, h.Plan)
	}
	return nil
}
