// Package archcheck holds the project to its architecture: who may import whom,
// what a stepped core may use, and how the tree is laid out. It is the authority
// on what a package reaches; the linter's depguard sees direct imports only.
//
// # Model
//
// [Load] asks the go command for every package of the workspace and all that
// these need. [Fairlead] is the project's rules as a value, the one place to
// read or change them. [Check] compares the two and gives a [Finding] for each
// fault, which names the place, the rule and the way out. The check runs as a
// test of this package, TestTree, so it has no other door.
//
// # The rules
//
//   - reach: packages that must never reach others ([Reach]), by any chain or directly.
//   - door: a service is entered by its app, from cmd and standalone only; of the
//     scheduler, policy, schedule and simulate are open to all, and of submit what a pod
//     requests ([Doors]).
//   - name: a package's name stands for one thing in the whole project, and says
//     something ([Names]).
//   - doc: every package has a package comment.
//   - length: no file over the limit, unless the ratchet lists it, and then it
//     only shrinks ([Length]).
//   - migration: numbers of a folder are unique, names well formed.
//   - requires: the client needs no module beyond proto and what proto needs ([Requires]).
//   - stepped: a stepped or pure core starts no goroutine, uses no channel, clock,
//     random number, lock or map order, does no I/O, and calls into no package of
//     ours that is not on the same list ([Core]).
//
// # What it cannot see
//
// Imports are those of this machine's operating system. A stepped core that is
// handed a function value may be handed one that reads a clock; the simulation,
// which runs each seed twice, would show that. The standard library is taken as
// a whole: what its packages reach in turn does not count.
//
// # When the neighbours fail
//
// A package that does not parse, or whose imports are missing, makes [Load] fail:
// nothing was checked. A core that does not type-check is a finding.
package archcheck
