// Package lease decides for one executor: which orders it obeys, when it makes
// and removes pods, and what it reports. It is the executor without its network
// and without its cluster.
//
// # Model
//
// [Core] is a stepped value: [Core.Step] takes what happened and returns what is
// to be done. It knows two neighbours by their messages alone:
//
//	scheduler replicas     Opened Closed Down  ->  Core  ->  Dial HangUp Up
//	the cluster            facts (cluster.go)  ->  Core  ->  orders (cluster.go)
//	time                   Due                 ->  Core  ->  SetTimer
//
// The pods of the cluster and one number beside them, the highest epoch, are all
// that outlives the process. A start begins with [Listed].
//
// # The stages of a run
//
//		           lease
//		             |
//		             v       go        window open, nothing before it
//		           held ---------> ready ---------------> creating
//		             |               |  ^                   |    |
//		             |               |  +---- not now ------+    | made
//		 acknowledged|          stop |                           v
//		  without go |               |       stop, stuck,      live <----- a pod nobody
//		             |               |       refused, lost    /    \       expected
//		             |               |           +-----------+      | ended
//		             |               |           v                  v
//		             |               |        clearing            ended
//		             |               |           | pod gone         | report acknowledged
//		             v               v           v                  v
//		          forgotten      forgotten    report it          tidying --> forgotten
//
//	  - held: the lease is here and RunAcknowledged was reported.
//	  - ready: the leader said go; the pod waits for the runs named in the lease, for
//	    the start window, for a free place among the creations, or for another try.
//	  - creating: the cluster was told to make the pod.
//	  - live: the pod is there.
//	  - clearing: the pod must go; what is reported of the run is decided and said
//	    once the pod is gone.
//	  - ended: the run's last report is not acknowledged; the pod, if there still is
//	    one, is kept so that a restart finds it.
//	  - tidying: nobody needs the ended pod any more.
//
// # Guarantees
//
//   - The fence: an order is obeyed only if its epoch is the highest seen and stands
//     in the cluster. A lower one is refused and counted.
//   - A pod is made only for a lease whose acknowledgement was read back (go), and
//     only within [Config.StartWindow] of sending the newest heartbeat that a leader
//     of the current epoch answered. [CreatePod] carries the end of that window, so a
//     creation that waits inside the cluster is bound by it too.
//   - A run has one pod: the lease of a run that is known, or is over, makes none.
//   - Reports of a run come in the order of package job's table and leave no state
//     out: a pod first seen running is reported pending, then running. After a restart
//     they are said again from pending on; what the log has already, it refuses.
//   - A report is kept, and its run is in every Hello, until it is acknowledged.
//     Reports acknowledged in any order.
//   - RunReleased, RunReturned and the failure of a run whose pod was in the way are
//     reported after the pod is gone.
//   - Nothing is removed because a scheduler is silent.
//
// # When a neighbour fails
//
//   - No scheduler in reach: running pods run on, ended ones stay, no pod is made once
//     the window is over. Replicas are dialled again and again.
//   - The leader changes: reports not acknowledged go to the new one; a go that was
//     given stays given, for it is a fact of the log; the window is closed until the
//     new leader answers.
//   - The cluster refuses a pod for good: the run failed. It fails for now: tried
//     again for [Config.CreateWithin], then returned. A failed try may have made the
//     pod all the same, so the pod is removed before the run is given back.
//   - The cluster cannot store the epoch: tried again; nothing of that epoch is obeyed
//     before.
//   - A pod vanishes or its node does, be it while this process was away: the run failed.
//   - Deleting does not work: tried again, and forced [Config.ForceAfter] past the
//     pod's own grace.
//   - This process dies: leases without a pod are forgotten; the leader finds that they
//     lack in the Hello and sends them again.
//   - This machine sleeps: the window is measured on two clocks, and the wall's jump
//     closes it.
package lease
