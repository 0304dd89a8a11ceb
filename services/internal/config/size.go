package config

import (
	"fmt"
	"math/big"
	"strings"
)

// Size is a number of bytes, written with or without a unit: 64MiB, 64Mi, 500kB, 500k,
// 1.5GiB, 4096. Units with an i are powers of 1024, those without of 1000; the B may be
// left out. The zero value is no bytes; what that means is the key's to say.
type Size int64

// Powers of 1024.
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

// unit of a Size: its name without the B, and its bytes.
type unit struct {
	name  string
	bytes int64
}

var units = [...]unit{
	{"Ti", int64(TiB)},
	{"Gi", int64(GiB)},
	{"Mi", int64(MiB)},
	{"Ki", int64(KiB)},
	{"T", 1e12},
	{"G", 1e9},
	{"M", 1e6},
	{"k", 1e3},
	{"", 1},
}

// String returns the size in the largest binary unit that keeps it whole: 64MiB.
func (s Size) String() string {
	for _, u := range units {
		if strings.HasSuffix(u.name, "i") && s != 0 && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%sB", int64(s)/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// MarshalText returns String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what the type's doc describes. A size below zero, above 2^63-1 or
// with a part of a byte is refused.
func (s *Size) UnmarshalText(text []byte) error {
	number, u := strings.TrimSuffix(strings.TrimSpace(string(text)), "B"), unit{bytes: 1}
	for _, one := range units {
		if n, ok := strings.CutSuffix(number, one.name); ok {
			number, u = strings.TrimSpace(n), one
			break
		}
	}
	value, ok := new(big.Rat).SetString(number)
	if !ok || strings.ContainsAny(number, "/_xXpPeE") {
		return fmt.Errorf("must be a size in bytes, such as 64MiB, 500kB or 4096")
	}
	value.Mul(value, new(big.Rat).SetInt64(u.bytes))
	if !value.IsInt() || value.Sign() < 0 || !value.Num().IsInt64() {
		return fmt.Errorf("must be a whole number of bytes from 0 to 2^63-1")
	}
	*s = Size(value.Num().Int64())
	return nil
}
