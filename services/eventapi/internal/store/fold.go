package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/fairlead-batch/fairlead/services/eventapi/internal/stream"
	"github.com/fairlead-batch/fairlead/services/internal/eventlog"
	"github.com/fairlead-batch/fairlead/services/internal/job"
	"github.com/fairlead-batch/fairlead/services/internal/project"
)

// row is a row of the table told.
type row struct {
	day   int32
	set   setKey
	at    eventlog.Position
	first uint32
	body  []byte // packed
}

// jobRow is a row of the table jobs; no bytes: there is to be none.
type jobRow struct {
	id     job.ID
	number uint32
	kept   []byte
}

// dayRow is a row of the table days.
type dayRow struct {
	number uint32
	day    int32
	last   eventlog.Position
}

// before is what the rows hold of what a batch of runs touches.
type before struct {
	// kept are the states of touched jobs that have one.
	kept map[job.ID][]byte
	// days are the newest by partition.
	days map[uint32]int32
	// window are the days that there are tables for.
	window window
}

// changes are what a batch of runs makes of it.
type changes struct {
	rows []row
	jobs []jobRow
	days []dayRow
}

// touched are the jobs that runs have facts on, each once, with their partition.
func touched(runs []project.Judged) (list []jobRow) {
	seen := map[job.ID]bool{}
	for _, run := range runs {
		for _, e := range run.Entries {
			for _, batch := range e.Body.Batches {
				for _, event := range batch.Events {
					id := event.Of().Job
					if !seen[id] {
						seen[id] = true
						list = append(list, jobRow{id: id, number: run.Partition.Number})
					}
				}
			}
		}
	}
	return list
}

var errNoDays = errors.New("there are no tables for days: Retain has not run")

// fold applies runs to what was before. It is a function of its arguments.
func fold(runs []project.Judged, jobs []jobRow, was before, p *packer) (changes, error) {
	if was.window == (window{}) {
		return changes{}, errNoDays
	}
	book := stream.NewBook()
	for id, kept := range was.kept {
		book.Load(id, kept)
	}
	var out changes
	writer := rowWriter{book: book, packer: p}
	for _, run := range runs {
		number := run.Partition.Number
		day, known := was.days[number]
		if !known {
			day = was.window.oldest
		}
		wrote := len(writer.rows)
		for _, e := range run.Entries {
			day = max(day, was.window.clamp(dayOf(e)))
			told := len(writer.rows)
			if err := writer.tell(e); err != nil {
				return changes{}, fmt.Errorf("fold %s: %w", run.Partition, err)
			}
			for i := range writer.rows[told:] {
				writer.rows[told+i].day = day
			}
		}
		for _, r := range writer.rows[wrote:] {
			out.days = putDay(out.days, dayRow{number: number, day: r.day, last: r.at})
		}
	}
	out.rows = writer.rows
	for _, j := range jobs {
		j.kept = book.Kept(j.id)
		if !bytes.Equal(j.kept, was.kept[j.id]) {
			out.jobs = append(out.jobs, j)
		}
	}
	return out, nil
}

// putDay keeps the last entry of each day.
func putDay(days []dayRow, d dayRow) []dayRow {
	if n := len(days); n > 0 && days[n-1].number == d.number && days[n-1].day == d.day {
		days[n-1] = d
		return days
	}
	return append(days, d)
}

// dayOf is the day of the newest fact of an entry; 0 without one.
func dayOf(e project.Entry) int32 {
	const day = 24 * 60 * 60 * 1_000_000_000
	newest := job.Time(0)
	for _, batch := range e.Body.Batches {
		for _, event := range batch.Events {
			newest = max(newest, event.Of().Time)
		}
	}
	return int32(newest / day) //nolint:gosec // an int64 of nanoseconds has fewer days
}

// writing is the row of one job set that grows.
type writing struct {
	set   stream.Set
	first uint32
	next  uint32
	raw   []byte
}

// rowWriter makes the rows of entry after entry.
type rowWriter struct {
	book   *stream.Book
	packer *packer
	// open are the rows of the entry in hand, one a job set; free is room of earlier
	// ones, to be used again.
	open, free []*writing
	rows       []row
}

// tell appends the rows of an entry, packed as they are full.
func (w *rowWriter) tell(e project.Entry) error {
	_, err := w.book.Apply(stream.Entry{At: e.At, Batches: e.Body.Batches}, func(set stream.Set) stream.Hear {
		to := w.writing(set)
		return func(message []byte) {
			if len(to.raw) > 0 && len(to.raw)+len(message) > rowBytesMax {
				w.flush(to, e.At)
			}
			to.raw = append(binary.AppendUvarint(to.raw, uint64(len(message))), message...)
			to.next++
		}
	})
	for _, to := range w.open {
		if len(to.raw) > 0 {
			w.flush(to, e.At)
		}
	}
	w.free, w.open = append(w.free, w.open...), w.open[:0]
	return err
}

// writing is the row of a job set that is open, or a new one.
func (w *rowWriter) writing(set stream.Set) *writing {
	if i := slices.IndexFunc(w.open, func(to *writing) bool { return to.set == set }); i >= 0 {
		return w.open[i]
	}
	to := &writing{}
	if n := len(w.free); n > 0 {
		to, w.free = w.free[n-1], w.free[:n-1]
	}
	*to = writing{set: set, raw: to.raw[:0]}
	w.open = append(w.open, to)
	return to
}

func (w *rowWriter) flush(to *writing, at eventlog.Position) {
	w.rows = append(w.rows, row{set: keyOf(to.set), at: at, first: to.first, body: w.packer.pack(to.raw)})
	to.first, to.raw = to.next, to.raw[:0]
}
