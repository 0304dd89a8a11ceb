// Package kube is the executor's cluster where that is Kubernetes: it carries out the
// orders of package lease by calls to the API server, and tells as facts what it
// watches there.
//
// # Model
//
// [Cluster] looks stepped from the core's side: Step hands orders over and takes what
// there is to tell, and never waits. Behind it, goroutines do the waiting.
//
//	core  -- orders -->  queue by run  -->  Workers  -->  API server
//	      <-- facts ---  state  <-- answers -- +             |
//	                       ^------- informers <--------------+   our pods, others' pods, nodes
//
// Orders of one run are carried out one after the other, those of different runs side
// by side. Wake gets a token when there is something to tell. Of a pod and of a node
// only the newest waits to be told, so however slow the core is, no more waits than
// there is in the cluster.
//
// # Reasons
//
// Why a pod does not start is in its status for an image or a secret, and only in its
// events for a volume that cannot be mounted. The events are not watched, which in a
// large cluster costs more than all else: of pods that wait and do not say why, a few at
// a time are looked into (ExplainInterval).
//
// # Placement
//
// The scheduler has chosen the node, so a pod is made with spec.nodeName: half the
// calls of a way through kube-scheduler, and nothing can choose otherwise. The kubelet
// still refuses what does not fit (OutOfcpu). A pod with a volume claim or a resource
// claim is made with a required node affinity to that node instead, for binding those
// is kube-scheduler's work; a spec.nodeName would leave them unbound for ever.
//
// # Priority classes
//
// A job's class is Fairlead's. Its name stays in the pod only where the configuration
// maps it to one of the cluster's; API servers refuse names that they do not know.
//
// # Guarantees
//
//   - The pods are the only state beside the epoch, which is an annotation of a Lease
//     object, stored by compare-and-set: a lower one never replaces a higher one.
//   - A pod is told apart by its name, its run's label and its UID. A deletion carries the
//     UID as its precondition, so no pod of another run is ever removed.
//   - A creation is not begun after its window, nor tried on beyond it by the client. One
//     that was under way when the window ended may still be served: CreateFailed says that
//     it is not known.
//   - What others use of a node is the sum of what the pods without our label ask for.
//   - A node that is not ready is told as unschedulable, before a taint says so.
//   - The Lease object bears the executor's name as its holder. One of another name does
//     not start in the same cluster: the two would take each other's pods for their own.
//
// # When a neighbour fails
//
// An API server that is away fails calls after CallTimeout at the latest: the core
// tries again, with pauses. A probe notices, and until it is back every node is told as
// unschedulable, so that no jobs are sent here only to be given back. Informers list again by themselves; what came and went in
// between is told as gone, once. An error that says that the pod can never be made
// (Invalid, Forbidden, no such namespace) is CreateRefused; a quota that is used up, a
// namespace too new to have its service account, a webhook that is away and all else is
// CreateFailed. What failed is logged with the run and counted.
//
// Run fails where the API server does not answer in SyncTimeout, and at once where it
// does not know us, or does not let us do what deploy/executor/rbac.yaml grants: all
// that is missing is named.
//
// # Not done
//
// The services and ingresses of a lease are not made, and users are not impersonated. A
// pod whose labels somebody takes away is taken for gone, though it runs.
package kube
