package process

import (
	"time"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
	"github.com/fairlead-batch/fairlead/services/internal/postgres"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
)

// Config is what an operator may set on every process that stands on the log. A
// service's configuration embeds it, squashed (package config), beside what is the
// service's alone.
type Config struct {
	// Log is where the log is.
	Log LogConfig
	// Postgres is the database of the service. Default schema: the service's name.
	Postgres postgres.Config
	// GRPC is the port of its calls. Default :50051.
	GRPC rpc.Config
	// Ops is the port of metrics and health. Default :9090.
	Ops rpc.HTTPConfig
	// StopWithin is how long the process may take to stop. Default 30s.
	StopWithin time.Duration
}

// DefaultConfig returns what is used where the operator says nothing, with the schema
// that the service owns.
func DefaultConfig(schema string) Config {
	return Config{
		Log: DefaultLogConfig(), Postgres: postgres.Config{Schema: schema},
		GRPC: rpc.DefaultConfig(), Ops: rpc.DefaultHTTPConfig(":9090"), StopWithin: 30 * time.Second,
	}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var check fault.Check
	CheckStopWithin(&check, c.StopWithin)
	return check.Err()
}

// CheckStopWithin notes in check what is wrong with the stopWithin of a
// configuration. It is for those that have a Validate of their own.
func CheckStopWithin(check *fault.Check, stopWithin time.Duration) {
	if stopWithin <= 0 {
		check.Violate("stopWithin", stopWithin, "must be above 0")
	}
}
