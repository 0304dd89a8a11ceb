package simulated

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/job"
)

// The annotations of a job that say how its pod lives here. The same are
// understood where kwok plays the kubelet, but for those marked.
const (
	// annotationDuration is how long it runs: a Go duration, or the moment of its end
	// as in RFC 3339.
	annotationDuration = "sim/run-duration"
	// annotationExit is the exit code of every container, 0 to 255.
	annotationExit = "sim/exit-code"
	// annotationReason and annotationMessage go with an exit code that is not 0.
	annotationReason  = "sim/reason"
	annotationMessage = "sim/message"
	// annotationDelay is the time from its creation to its start, a Go duration.
	annotationDelay = "sim/start-delay"
	// annotationStuck, when true, keeps it pending.
	annotationStuck = "sim/stuck-pending"
	// annotationImage says that its image is missing or invalid. Not under kwok.
	annotationImage = "sim/image"

	annotationPrefix = "sim/"
)

// wishes are what the annotations of one job say.
type wishes struct {
	// runs is how long it runs, where runsSet; until is when it ends, where not zero.
	runs    time.Duration
	runsSet bool
	until   job.Time
	// code is the exit code, where codeSet.
	code            int32
	codeSet         bool
	reason, message string
	delay           time.Duration
	delaySet        bool
	stuck           bool
	// waiting is the reason of a container that cannot start for its image.
	waiting string
}

// readWishes reads the annotations; nil when none is for us.
func readWishes(annotations map[string]string) (*wishes, error) {
	if !anyWish(annotations) {
		return nil, nil //nolint:nilnil // no wishes is the usual case, and a pod keeps a pointer
	}
	w := &wishes{}
	w.reason, w.message = annotations[annotationReason], annotations[annotationMessage]
	for _, read := range [...]struct {
		key  string
		into func(string) error
	}{
		{annotationDuration, w.readDuration},
		{annotationExit, w.readExit},
		{annotationDelay, w.readDelay},
		{annotationStuck, w.readStuck},
		{annotationImage, w.readImage},
	} {
		value, there := annotations[read.key]
		if !there {
			continue
		}
		if err := read.into(value); err != nil {
			return nil, fmt.Errorf("annotation %s: %q %w", read.key, value, err)
		}
	}
	return w, nil
}

func anyWish(annotations map[string]string) bool {
	for key := range annotations { //archcheck:unordered looks whether there is one
		if strings.HasPrefix(key, annotationPrefix) {
			return true
		}
	}
	return false
}

func (w *wishes) readDuration(value string) error {
	if d, err := time.ParseDuration(value); err == nil && d >= 0 {
		w.runs, w.runsSet = d, true
		return nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return wanted("a duration such as 5s, or a time such as 2026-01-02T15:04:05Z")
	}
	w.until, w.runsSet = job.Time(at.UnixNano()), true
	return nil
}

func (w *wishes) readExit(value string) error {
	code, err := strconv.ParseUint(value, 10, 8)
	if err != nil {
		return wanted("a number from 0 to 255")
	}
	w.code, w.codeSet = int32(code), true //nolint:gosec // 8 bits
	return nil
}

func (w *wishes) readDelay(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return wanted("a duration such as 5s")
	}
	w.delay, w.delaySet = d, true
	return nil
}

func (w *wishes) readStuck(value string) (err error) {
	if w.stuck, err = strconv.ParseBool(value); err != nil {
		return wanted("true or false")
	}
	return nil
}

func (w *wishes) readImage(value string) error {
	switch value {
	case "missing":
		w.waiting = waitingPull
	case "invalid":
		w.waiting = waitingInvalid
	default:
		return wanted("missing or invalid")
	}
	return nil
}

// wanted says what an annotation has to be.
func wanted(what string) error { return errors.New("is not " + what) }
