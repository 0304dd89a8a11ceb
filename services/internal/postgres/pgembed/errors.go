package pgembed

import (
	"errors"
	"fmt"
)

var (
	// ErrInUse says that another live process runs a server in the data folder.
	ErrInUse = errors.New("data folder is in use by another process")

	// ErrNoBinaries says that no usable Postgres was found or could be fetched.
	ErrNoBinaries = errors.New("no Postgres binaries")

	// ErrStopped is what Server.Err gives after a stop that was asked for.
	ErrStopped = errors.New("server was stopped")
)

// VersionError says that a data folder was made by another major version than
// the binaries at hand. Postgres cannot read it, and nothing was changed.
type VersionError struct {
	// DataDir is the data folder.
	DataDir string
	// DataMajor is the major version that made it, such as 17.
	DataMajor int
	// BinariesMajor is the major version at hand, such as 18.
	BinariesMajor int
	// BinariesFrom says where that one comes from: a folder or a version.
	BinariesFrom string
}

// Error names both versions and the ways out.
func (e *VersionError) Error() string {
	return fmt.Sprintf("data folder %s was made by Postgres %d, the binaries at hand are Postgres %d (%s): "+
		"install Postgres %d or name its bin folder in %s, or move the data with pg_dump; the folder was left as it is",
		e.DataDir, e.DataMajor, e.BinariesMajor, e.BinariesFrom, e.DataMajor, BinariesEnv)
}
