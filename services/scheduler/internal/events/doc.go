// Package events is what the scheduler says to and hears from the others through
// the log: entries, turned into the inputs of package lead, and its drafts, turned
// into entries. It decides nothing.
//
// An entry that cannot be decoded is handed on as damaged; one of a newer format is
// an error, for the partition cannot be read on by this program.
package events
