// Kube runs a throw-away Kubernetes: etcd, kube-apiserver and kwok as child processes
// on loopback, with nodes that kwok plays the kubelet of. Run it in its own folder, for
// it builds what it starts from the modules that its go.mod pins:
//
//	cd tools/kube && GOWORK=off go run . --nodes 3
//
// # Model
//
// It prints one line of JSON when all is ready, {"kubeconfig":"/…/kubeconfig"}, and
// stops when its standard input is closed or on SIGINT or SIGTERM. Progress goes to
// standard error. A program that needs a cluster starts it by exec, reads the line,
// and closes the pipe; nobody imports it.
//
// There is no scheduler and no controller-manager: pods need spec.nodeName, there are
// no service accounts, and nothing collects what a node left behind. Pods live by
// annotations, see stages.yaml: sim/run-duration, sim/exit-code, sim/reason,
// sim/message, sim/start-delay, sim/stuck-pending.
//
// # The build
//
// The first start builds the programs, some 500 seconds of CPU, into the user's cache
// folder under fairlead/kube-<hash>; the hash is that of all that is built from, so
// another version gets another folder. Two that build at once wait for each other. With
// KUBEBUILDER_ASSETS set, as for envtest, etcd and kube-apiserver are taken from that
// folder, and kwok too where it is there.
//
// # When a neighbour fails
//
// A child that ends by itself ends the whole cluster, with the end of its log on
// standard error. Children die with this process, also when it is killed (Linux only).
// The data is in a temporary folder, never synced to disk, and removed at the end; what
// a SIGKILL leaves there is the system's to clean.
package main
