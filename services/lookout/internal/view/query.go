package view

// URIKey asks for the jobs of a job set that have an external job URI.
type URIKey struct{ Queue, JobSet, URI string }

// ActiveSet is a job set with unfinished jobs.
type ActiveSet struct {
	JobSet string
	// Queued jobs wait; the others, Leased, are leased, pending or running.
	Queued, Leased int64
}

// ActiveQueue is a queue that has jobs leased, pending or running in a pool.
type ActiveQueue struct{ Pool, Queue string }
