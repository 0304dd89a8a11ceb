// Package pgtest gives tests a real Postgres. The first test of a process that
// asks for one starts it, which takes about a second (and once on a machine a
// minute, to fetch the binaries); all tests of the process share it.
//
//	func TestStore(t *testing.T) {
//		t.Parallel()
//		pool := pgtest.Schema(t, store.Migrations())
//		...
//
// [Schema] is for the tests of a package: a migrated schema of the test's own.
// [URL] is for tests that start a whole service: a database of the test's own.
// Both are dropped when the test ends. Tests that use them can run in parallel,
// but for two things that belong to a whole database and are so shared by those
// that use Schema: NOTIFY channels, and advisory locks whose keys do not come
// from postgres.LockKey.
//
// # The server
//
// If FAIRLEAD_TEST_POSTGRES_URL is set, that server is used; its user must be
// allowed to create schemas and databases, and what a killed test leaves there
// stays. Otherwise package pgembed runs one for the process, with fsync off, its
// binaries and data below pgembed.DefaultCacheDir, also where we are root.
//
// The server ends with the process, however that ends. To end it cleanly, and
// for goleak, which would find the goroutine that watches it:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
//
// The data of a process that had no such TestMain, or was killed, is removed by
// the next one that starts a server.
//
// A server that cannot be started fails the test: a test of SQL that is skipped
// proves nothing.
package pgtest
