// Package policy is the rules of scheduling as an operator writes them, and the one place
// where they become the round's, which are integers.
//
// It is a package of its own because not only the scheduler's app reads them: so does who
// simulates a scheduler. It decides nothing and reads nothing: package config fills a
// [Scheduling] from files and asks its Validate, and [Scheduling.Round] gives what
// package schedule takes.
package policy
