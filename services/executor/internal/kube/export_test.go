package kube

// What tests look at by itself.
var (
	Judge    = judge
	Manifest = manifest
	Seen     = seen
)
