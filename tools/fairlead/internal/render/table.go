package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cellMin is the width below which a column is not cut.
const cellMin = 6

// gap stands between two columns.
const gap = "  "

// Table is rows under a header. A row may be shorter than the header.
type Table struct {
	Header []string
	Rows   [][]string
}

// Write writes the table in at most columns, as far as that is possible; zero: as wide
// as it is.
func (t Table) Write(w io.Writer, columns int) error {
	widths := t.widths()
	narrow(widths, columns)
	var b strings.Builder
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString(gap)
			}
			fmt.Fprintf(&line, "%-*s", widths[i], Cut(Clean(cell), widths[i]))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// widths are those of the widest cells.
func (t Table) widths() []int {
	widths := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(Clean(cell)))
		}
	}
	return widths
}

// narrow takes from the widest column but the first until all fit.
func narrow(widths []int, columns int) {
	if columns == 0 {
		return
	}
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > columns {
		widest := 0
		for i := 1; i < len(widths); i++ {
			if widest == 0 || widths[i] > widths[widest] {
				widest = i
			}
		}
		if widest == 0 || widths[widest] <= cellMin {
			return
		}
		widths[widest]--
		total--
	}
}

// Cut returns s in at most n characters; what was cut off is an ellipsis.
func Cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Clean returns s without what a terminal would obey: control characters become spaces.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}
