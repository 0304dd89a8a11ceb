package pulsarlog_test

import (
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/pulsarlog"
)

// TestBusyIsNoTrouble: a subscription that another replica moves is tried again, and nobody is
// told that Pulsar cannot be used; a broker that fails is trouble at once.
func TestBusyIsNoTrouble(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]int{http.StatusPreconditionFailed: 0, http.StatusInternalServerError: 2} {
		core, told := observer.New(zap.InfoLevel)
		if err := pulsarlog.Patiently(t.Context(), zap.New(core), code, code); err != nil {
			t.Fatal(err)
		}
		if told.Len() != want {
			t.Errorf("HTTP %d: %d lines, want %d: %v", code, told.Len(), want, told.All())
		}
	}
}
