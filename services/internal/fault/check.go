package fault

import "fmt"

// limits of what a refusal carries, so that a request with a million bad fields does
// not become an answer of a million lines.
const (
	violationsMax = 100 // violations kept by a Check; more are counted
	valueRunesMax = 80  // runes of a value that are shown
)

// Check collects violations, so that input is refused with all of them at once. The
// zero value is ready to use. For one goroutine.
type Check struct {
	found []Violation
	more  int
}

// Violate notes that field held value, which breaks rule. value is shown with
// fmt.Sprint and cut at 80 runes; nil shows nothing.
func (c *Check) Violate(field string, value any, rule string) {
	if len(c.found) == violationsMax {
		c.more++
		return
	}
	c.found = append(c.found, Violation{Field: field, Value: show(value), Rule: rule})
}

// Err returns an [Invalid] error with all violations, or nil when there was none. Past
// 100 the rest are counted in a last one.
func (c *Check) Err() error {
	if len(c.found) == 0 {
		return nil
	}
	if c.more == 0 {
		return NewInvalid(c.found[0], c.found[1:]...)
	}
	rest := Violation{Field: "…", Rule: fmt.Sprintf("and %d more violations", c.more)}
	return NewInvalid(c.found[0], append(c.found[1:len(c.found):len(c.found)], rest)...)
}

func show(value any) string {
	if value == nil {
		return ""
	}
	s := fmt.Sprint(value)
	n := 0
	for i := range s {
		if n == valueRunesMax {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
