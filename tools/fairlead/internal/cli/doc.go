// Package cli is the command line of Fairlead: queue, submit, watch, cancel,
// reprioritize, preempt, get and simulate.
//
// # Model
//
// Each verb is a struct of what the user may say, with Run(ctx, out) that does it. [Run]
// makes the tree of verbs over a [System], which is all that it knows of the machine:
// streams, environment, clock, the width of the terminal. Answers go to Out, everything
// else (progress, notes, errors) to Err, so a pipe sees answers alone.
//
// # Exit codes
//
//	0    done
//	1    failed: the server did, or could not be reached, or took too long
//	2    nothing was tried: a wrong flag or argument, a file or context that is wrong
//	3    not found: the queue, the job set, the job
//	4    not all of it: some of several jobs or queues failed, or a watched job did not succeed
//	5    refused: the server will not do this, now or later
//	130  interrupted
//
// # When the server fails
//
// A call is made once; only a watch connects again, and says so. An error names the
// address that was called and who said so (flag, variable, context), what the server
// said, each refused field on a line, and what to do where that is known.
package cli
