package app_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/fairlead-batch/fairlead/services/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
