package main

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckJava(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		said string
		good bool
	}{
		"17":           {said: `openjdk version "17.0.15" 2025-04-15`, good: true},
		"21, no point": {said: `openjdk version "21" 2023-09-19`, good: true},
		"11":           {said: `openjdk version "11.0.2" 2019-01-15`},
		"8":            {said: `java version "1.8.0_202"`},
		"no version":   {said: "command not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := checkJava(c.said)
			if (err == nil) != c.good || err != nil && !errors.Is(err, errMissing) {
				t.Errorf("%q: %v, good: %t", c.said, err, c.good)
			}
		})
	}
}

// TestConfiguration: ours replace what is shipped, also where it is spelled with
// spaces, and nothing else is touched.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	shipped := "# webServicePort=1\nwebServicePort=8080\njournalSyncData = false\nother=kept\n"
	got := configuration(shipped, ports{Web: 11001, Broker: 11002, Bookie: 11003, ZooKeeper: 11004})
	for _, want := range []string{"# webServicePort=1\n", "\nwebServicePort=11001\n", "\njournalSyncData=true\n", "\nbrokerServicePort=11002\n", "other=kept\n"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is there %d times in\n%s", want, strings.Count(got, want), got)
		}
	}
	for _, gone := range []string{"8080", "journalSyncData = false"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q is still there", gone)
		}
	}
}

// TestKeptPorts: a data folder keeps its ports, so clients find a Pulsar that was
// started again.
func TestKeptPorts(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/ports.json"
	first, err := keptPorts(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keptPorts(path)
	if err != nil || again != first {
		t.Errorf("ports %+v and %v, want %+v", again, err, first)
	}
}
