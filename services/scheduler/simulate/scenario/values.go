package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// Span is a time as Armada's files have it: {seconds: 300}, or with its unit: 5m.
type Span time.Duration

// MarshalJSON is the form with a unit.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).String()) }

// UnmarshalJSON reads either form.
func (s *Span) UnmarshalJSON(raw []byte) error {
	const rule = "must be a time from 0, such as 5m, or {seconds: 300}"
	var text string
	if json.Unmarshal(raw, &text) == nil {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return errors.New(rule)
		}
		*s = Span(d)
		return nil
	}
	var parts struct {
		Seconds int64 `json:"seconds"`
		Nanos   int64 `json:"nanos"`
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if strict.Decode(&parts) != nil {
		return errors.New(rule)
	}
	const most = int64(100 * 366 * 24 * time.Hour / time.Second)
	if parts.Seconds < 0 || parts.Seconds > most || parts.Nanos < 0 || parts.Nanos >= int64(time.Second) {
		return fmt.Errorf("%s: seconds from 0 to a hundred years, nanos below a second", rule)
	}
	*s = Span(time.Duration(parts.Seconds)*time.Second + time.Duration(parts.Nanos))
	return nil
}

// Amount is a quantity as Kubernetes writes them: 500m, 4, 16Gi, 1e3. It is kept exact.
type Amount struct{ value big.Rat }

// suffixes are the units, the longer before those that they end in.
var suffixes = [...]struct {
	name  string
	scale string
}{
	{"Ki", "1024"},
	{"Mi", "1048576"},
	{"Gi", "1073741824"},
	{"Ti", "1099511627776"},
	{"Pi", "1125899906842624"},
	{"Ei", "1152921504606846976"},
	{"n", "1e-9"},
	{"u", "1e-6"},
	{"m", "1e-3"},
	{"k", "1e3"},
	{"M", "1e6"},
	{"G", "1e9"},
	{"T", "1e12"},
	{"P", "1e15"},
	{"E", "1e18"},
}

// MarshalText is the exact value.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.value.RatString()), nil }

// UnmarshalText reads a quantity that is not below nothing.
func (a *Amount) UnmarshalText(text []byte) error {
	number, scale := strings.TrimSpace(string(text)), "1"
	for _, s := range suffixes {
		if n, is := strings.CutSuffix(number, s.name); is {
			number, scale = n, s.scale
			break
		}
	}
	unit, _ := new(big.Rat).SetString(scale)
	if len(number) > 40 || strings.ContainsAny(number, "/_xXpPbBoO ") || exponent(number) > 30 {
		return errAmount
	}
	value, ok := new(big.Rat).SetString(number)
	if !ok || value.Sign() < 0 {
		return errAmount
	}
	a.value.Mul(value, unit)
	return nil
}

var errAmount = errors.New("must be a quantity from 0, such as 500m, 4 or 16Gi")

// exponent is how large a number's exponent is, whatever its sign; a large one for what is
// none.
func exponent(number string) int {
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return 0
	}
	digits := strings.TrimLeft(number[at+1:], "+-0")
	if len(digits) > 2 {
		return 1 << 20
	}
	n := 0
	for _, d := range digits {
		n = 10*n + int(d-'0')
	}
	return n
}

// units is the amount in the units of the round, rounded up as Kubernetes does: cpu in
// thousandths, every other in its own. It says whether that is not too much.
func (a Amount) units(resource string) (int64, bool) {
	value := new(big.Rat).Set(&a.value)
	if resource == "cpu" {
		value.Mul(value, big.NewRat(1000, 1))
	}
	whole, rest := new(big.Int).QuoRem(value.Num(), value.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if !whole.IsInt64() || whole.Int64() > schedule.AmountMax {
		return 0, false
	}
	return whole.Int64(), true
}

// unread is the value of a key that is known and means nothing to us: any value.
type unread struct{ set bool }

// MarshalJSON leaves out a key that is not set.
func (u unread) MarshalJSON() ([]byte, error) {
	if u.set {
		return []byte("true"), nil
	}
	return []byte("null"), nil
}

// UnmarshalJSON takes anything. What is off is as good as not set.
func (u *unread) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "null", "false", `""`, "0", "[]", "{}":
	default:
		u.set = true
	}
	return nil
}
