// Package process is what the process of every service does alike: it reads its
// configuration, opens the log and its database, serves gRPC and metrics, and ends
// with an exit code. A service's app says which parts run in it; its cmd says how it
// is called.
//
// # Model
//
//	cmd/<service>/main.go    os.Exit(Main(Command{Name, Short, Defaults, Serve, Migrate}))
//	    |                    flags, strict configuration, signals, logger, exit code
//	    v
//	app.Run                  p := New(stopWithin, Deps); defer p.Close()
//	    |                    p.Postgres, p.Log: what the service stands on
//	    v
//	p.Serve                  the service's own parts, the servers of metrics and of calls,
//	                         until a signal, or until a part fails
//
// Parts start in the order in which they were added, and stop in reverse: so the
// log comes first, the server that lets work in last. What was opened is closed by
// Close, in reverse, when nothing runs any more.
//
// Which log there is, is chosen by configuration ([LogConfig]) and decided in one
// place, log.go: tables in Postgres, or Pulsar.
//
// # Guarantees
//
// Half a process does not serve: a part that ends or panics ends the whole process
// with a code that is not 0, so that it is started anew. Not ready is not dead:
// /readyz is what the parts say, /livez is fine for as long as the process runs.
//
// # When a neighbour fails
//
//   - Postgres is away: Open waits for it as long as its startWithin says, then the
//     start fails and whoever started the process tries again. Later on, pools
//     connect again by themselves.
//   - Pulsar is away: Log waits for it as long as log.pulsar.startWithin says, then
//     the start fails and names it. Later on the log waits and goes on by itself, and
//     /readyz says so meanwhile.
//   - The log is of another partition count, would be forgotten too soon, or cannot be
//     opened: the start fails and says so.
//   - The configuration is wrong: nothing is opened, and all that is wrong is printed.
package process
