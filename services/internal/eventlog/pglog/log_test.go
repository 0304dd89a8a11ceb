package pglog_test

import (
	"testing"

	"github.com/fairlead-batch/fairlead/services/internal/eventlog/logtest"
)

func TestLog(t *testing.T) {
	t.Parallel()
	logtest.Run(t, fixture)
}
