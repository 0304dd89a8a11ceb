package lease_test

import (
	"flag"
	"testing"
)

// TestMain makes random tests longer than rapid's own default, unless the command
// says how long they are to be.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"rapid.checks": "1500", "rapid.steps": "60"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				panic(err)
			}
		}
	}
	m.Run()
}
