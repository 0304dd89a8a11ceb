// Package pgembed runs a Postgres server of our own beside the process that
// needs it: for the standalone, whose user installs nothing, and for tests.
//
// # Model
//
// A server lives in one data folder:
//
//	<DataDir>/lock           held (flock) by the process that runs the server
//	<DataDir>/data/          Postgres' own folder (PGDATA)
//	<DataDir>/password       the superuser's password, readable by its owner only
//	<DataDir>/postgres.log   what the server said; rotated once, see LogBytesMax
//
// [Start] takes the lock, finds the binaries, ends a server that an earlier
// process left behind, makes the folder if it is new, starts the server and
// returns when it accepts connections. [Server.Stop] ends it cleanly.
//
// Binaries are, in this order: the folder that the configuration or
// FAIRLEAD_POSTGRES_BIN names; the pinned version out of the cache folder,
// fetched once from a Maven repository (15 MB, checked against the repository's
// SHA-256); what is installed on the machine. The library that
// fetches them is used for nothing else: left to itself it deletes a data folder
// whose version it does not expect, and leaves its server running when we die.
//
// The server listens on 127.0.0.1 alone and asks for a password, since every
// user of the machine can reach that address. It refuses to be root; where we
// are root, it runs as the owner of an existing data folder, else as RunAs, else
// as "postgres" or "nobody".
//
// # Guarantees
//
//   - A data folder is never deleted, emptied or initialised twice. A half-made
//     one (we died in initdb) is not yet a data folder and is made again.
//   - A data folder of another major version is refused with [VersionError],
//     which names both.
//   - One process at a time runs a data folder; the second gets [ErrInUse].
//   - fsync is on unless FsyncOff is set.
//   - No server outlives its process for long: on Linux the kernel tells it to
//     shut down when we die, however we die. Elsewhere, and if that failed, the
//     next Start finds it by its pid file and stops it before it starts its own.
//
// # When something fails
//
//   - No network and nothing installed: Start returns [ErrNoBinaries] with every
//     place it looked in and what to do.
//   - The server dies: [Server.Done] closes and [Server.Err] says why, with the
//     last lines of its log. It is not started again here; the owner decides.
//   - We die: see above; Postgres recovers from its own log at the next start.
//   - The machine dies: the same, with fsync on nothing committed is lost.
package pgembed
