// Package journal lets a simulated cluster outlive its executor, as a real cluster
// does: what was ordered is on disk, and an executor that starts finds the pods that
// its predecessor made, as far on as they are by then.
//
// # Model
//
//	lease core -> orders -> Cluster.Step: write a line, then simulated.Cluster.Step -> facts
//
// A simulated cluster is a function of its configuration, its orders and their times.
// So the file holds just these: a first line that says what the cluster is made of, and
// a line of JSON for each step that had orders. [Open] takes the steps again, and lets
// pass the time between, in which pods ran on and ended.
// What happened to a pod is so the same whoever asks: [Replay] gives a cluster whose
// records a test can judge by, from the file alone.
//
// # Guarantees
//
// An order is in the file before it has an effect, and so before anybody is told of
// one: a process that is killed at any point leaves what an API server would, a call
// that was never made, or one that was and whose answer was lost. Writes go to the
// operating system and are not synced: they outlive the process, not the machine.
//
// Time: the file's goes on by the wall's clock while no process is there, and never
// back.
//
// # Limits
//
// The file grows by some hundred bytes and a spec for each pod, and is never cut: a
// node's refusals depend on every pod that was ever there. It is for tests and for
// trying things out. At BytesMax orders fail as calls to an API server that is away.
// Trouble by order (simulated.Cluster.Cause) is not written and is gone after a
// restart.
//
// # When things fail
//
// A line that was cut short by a kill had no effect, and is dropped. A line that
// cannot be read elsewhere, a cluster made of something else, or a file that another
// process has open refuses the start. An order that cannot be written fails, is tried
// again by the executor, and has no effect.
package journal
