package results

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// Format is how tables are written.
type Format string

// The formats; a table's file has its name and this ending.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
)

// groupRows is how many rows a Parquet file keeps in memory before it writes them.
const groupRows = 100_000

// batchRows is how many rows are handed over at once.
const batchRows = 1024

// row is what tables are made of.
type row interface {
	runRow | shareRow
	columns() []string
	fields(to []string) []string
}

// encoder writes rows.
type encoder[R row] interface {
	Write(rows []R) (int, error)
	Close() error
}

// table is a file of rows.
type table[R row] struct {
	file    *os.File
	encoder encoder[R]
	batch   []R
}

func newTable[R row](path string, format Format) (*table[R], error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create table: %w", err)
	}
	t := &table[R]{file: file, batch: make([]R, 0, batchRows)}
	if format == CSV {
		t.encoder = &csvEncoder[R]{w: csv.NewWriter(file)}
		return t, nil
	}
	t.encoder = parquet.NewGenericWriter[R](file, parquet.Compression(&parquet.Snappy),
		parquet.MaxRowsPerRowGroup(groupRows), parquet.CreatedBy("fairlead", "simulate", ""))
	return t, nil
}

func (t *table[R]) add(r R) error {
	t.batch = append(t.batch, r)
	if len(t.batch) < batchRows {
		return nil
	}
	return t.flush()
}

func (t *table[R]) flush() error {
	if _, err := t.encoder.Write(t.batch); err != nil {
		return fmt.Errorf("write %s: %w", t.file.Name(), err)
	}
	t.batch = t.batch[:0]
	return nil
}

func (t *table[R]) close() error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.encoder.Close(); err != nil {
		return fmt.Errorf("write %s: %w", t.file.Name(), err)
	}
	if err := t.file.Close(); err != nil {
		return fmt.Errorf("write %s: %w", t.file.Name(), err)
	}
	return nil
}

// csvEncoder writes rows as CSV, with a head.
type csvEncoder[R row] struct {
	w      *csv.Writer
	headed bool
	fields []string
}

// Write writes rows; the first time their head too.
func (c *csvEncoder[R]) Write(rows []R) (int, error) {
	if !c.headed {
		c.headed = true
		var none R
		if err := c.w.Write(none.columns()); err != nil {
			return 0, err
		}
	}
	for i := range rows {
		c.fields = rows[i].fields(c.fields[:0])
		if err := c.w.Write(c.fields); err != nil {
			return i, err
		}
	}
	return len(rows), nil
}

// Close writes what is left.
func (c *csvEncoder[R]) Close() error {
	c.w.Flush()
	return c.w.Error()
}

var _ io.Closer = (*csvEncoder[runRow])(nil)
