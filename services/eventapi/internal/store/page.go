package store

import (
	"fmt"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
)

const (
	// pageRowsMax is how many rows a page is made of at most.
	pageRowsMax = 512
	// pageBytesMax is the size at which a page ends, as the sum of messages: the row
	// that crosses it is the last.
	pageBytesMax = 4 << 20
)

// pageReader gathers the rows behind an id into a page.
type pageReader struct {
	packer *packer
	after  stream.ID

	told  []stream.Told
	rows  int
	bytes int
}

// full says that the page ends here, though there may be more rows.
func (r *pageReader) full() bool { return r.rows >= pageRowsMax || r.bytes >= pageBytesMax }

// add appends the part of a row behind the id, if there is one.
func (r *pageReader) add(from row) error {
	r.rows++
	messages, err := r.packer.unpack(from.body)
	if err != nil {
		return fmt.Errorf("read row %d of entry %s: %w", from.first, from.at, err)
	}
	told := stream.Told{At: from.at, First: from.first, Messages: messages}.After(r.after)
	if len(told.Messages) == 0 {
		return nil
	}
	for _, m := range told.Messages {
		r.bytes += len(m)
	}
	r.told = append(r.told, told)
	return nil
}
