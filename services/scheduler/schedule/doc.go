// Package schedule is the scheduling round: it decides which queued job starts
// where, and what is preempted for it. It does no I/O, reads no clock and knows
// only the standard library.
//
// # Model
//
// A [State] holds what is true: nodes, queues, queued jobs, runs. Facts go in by
// [State.Apply], decisions come out of [State.Plan] as a value, and decisions that
// are not facts yet lie over the state by [State.Assume] until the fact replaces
// them or [State.Forget] takes them back.
//
// [State.Snapshot] gives the content as values and [Load] makes a state of them, far
// faster than a fact a job. All that the facts have left is in a snapshot, the tokens
// taken too, and nothing that is assumed: what is loaded from it plans as the replica that
// wrote it would once its own decisions were read back. [State.Digest] tells two contents
// apart. [State.Fork] is for questions: it may be told and asked anything.
//
// [State.Why] says why a job waits and which single changes would let it start, the
// smallest first; [State.Try] is the round of one job alone, by which each of them is
// tried. Both lay what they suppose over the state as a round does, and keep nothing.
// [State.WhatIf] runs a round on a fork of which more is true.
//
// # Structures
//
// The cost of a round follows what changed and what is placed, not what waits. Figures
// are in docs/benchmarks.md.
//
//   - Rows stand in slices and name each other by their place; jobs and runs hold no
//     pointer. A waiting job is 16 bytes of id, 24 of row, 4 of list and some 8 of the
//     hash table that finds it ([table]). A fork is a few copies of memory.
//   - A kind is the waiting jobs of one queue and one shape, a list in chunks in their
//     order. The jobs of a kind can all start or none, so a round looks at the first of
//     each: a queue takes its next job from a heap of its kinds.
//   - Kinds that ask for more than any node has left are parked, kept out of that heap, as long as
//     nobody could be preempted for them ([parking]). What nodes have left of two resources is
//     a few stairs, read off the blocks of the sorted nodes.
//   - The queues of a pool are a heap by what they cost after their next gang. Where some
//     are part of others each has a heap of its parts ([tree]): a start sifts on the way
//     from its queue to the top.
//   - Nodes stand sorted by what is free of the first resource, then of the second, then
//     by name ([nodeIndex]): best fit is the first that fits from what is asked for on.
//     Facts mark the nodes that they changed, and the next plan moves those.
//   - Who may run where is a bit a node, for each way to match nodes, worked out again
//     when nodes change.
//   - Domains are lists of nodes for each way to be bound, worked out again when nodes
//     change ([binding]). A group of jobs that are alike is not tried in each: what a domain
//     holds of them is counted node by node, 20 ns each, and who stands where is looked for
//     in the chosen one alone.
//   - A queue's next gang is one that can start as things are, at every moment of a round.
//     So each shape keeps a witness, a node with room for it, and only the shapes whose
//     witness was taken look for another.
//   - Reserved nodes are a bit each, and few: only there a job is asked whether it is gone
//     in time or fits beside. What such a node has at the time of a reservation is kept
//     until something starts or goes there. How long jobs last is in their shape, so that
//     the jobs of a kind stay alike.
//   - Victims are searched for only where some queue can lose anything to the job at all,
//     in a list of what could go of each node that is read in a row and kept from round to
//     round ([softNodes]). That a queue's next job has some is asked of any node, which are
//     the best only of what starts. That a kind has none holds on until a node or a queue
//     changes that it depends on.
//   - Most jobs that take victims take one. So preemptible runs stand in order of the room
//     that their node has without them ([singles]): the best node is among the first that
//     are enough, some 3 to 50 us at 10,000 nodes and 50,000 runs. Where one victim will
//     not do, all nodes are looked at, which takes some 500 us.
//   - After a start with victims only those queues begin at their first job again for which
//     something that they passed over may have a place now ([missed]).
//
// # Rules
//
//   - Between queues: the higher priority class goes first; then the queue whose
//     weighted dominant share after its next gang is smallest; then the name. Queues that
//     are part of others are compared within those, and each of those as the whole of
//     its parts: at each level by the gang that goes first of them. Ideal shares and
//     fair-share preemption go by the same tree: two queues are compared where they part.
//   - What a queue should have: its ideal share, along what it wants of each resource; see
//     ideal.go. Armada's figures, of one number, are in armada.go and are reported.
//   - In a market who bids more goes first, and may take the place of who bids less: see
//     market.go.
//   - Short runs stay charged to their queue for a while after their end: see charge.go. What a queue
//     held can count too, less and less: see usage.go.
//   - Within a queue: higher class, smaller priority number, earlier submission, id.
//     A gang stands where its last member does, and starts whole or not at all. A
//     member that was given back starts again by itself, beside its mates that run or
//     have ended, in the same domains. One that ended before
//     it ever started breaks the gang: the others wait.
//   - A node: the one on which least is left of what the job asks for; then the name. With
//     victims before that: their highest class the lowest; if it is configured, the least
//     work lost; the fewest.
//   - A gang may be bound to a label, a tier of the topology or one executor: all members
//     run in one domain, the nodes that agree on it. So may its groups, within the domain
//     of the gang or group that they are part of: first the members of a group itself are
//     placed, in the queue's order, then its groups by name, each as a whole. Of several
//     domains that one is taken with the fewest victims; then that where least is left of
//     what the group asks for; then the first by name.
//   - A job that does not fit does not block jobs of other shapes behind it, but where
//     nodes are reserved: for the first in line of a queue that needs much room and has
//     waited long. What comes later starts there only if it is gone in time or fits
//     beside. See [Reservation] and reserve.go.
//   - Urgency preemption: a job may take the place of preemptible runs of lower
//     classes. Fair-share preemption, by either rule: see share.go. A gang is preempted whole. Once all
//     members of a gang have a place, victims that fit beside them stay, the best in
//     rank first. A run is not preempted before it has had the minimum run time of its
//     class, if that has one, and its gang not before it. What
//     began at this moment is not preempted for a share at it, and nothing is in a round
//     that is asked to keep the shares.
//   - Pools are planned in their order, first each on its own nodes, and all again until a pass
//     decides nothing: what is decided in one may leave room in another, or change the shares
//     there.
//   - Quotas: what a queue has a guarantee for it gets before others, keeps against them, and
//     takes back at once from who is above theirs; and it holds no more than it may borrow
//     beyond. See quota.go.
//   - The place of a preempted run is not free until its pod is gone: who gets it
//     names the run in [Start.After], and no second victim is taken meanwhile.
//   - Away from home: a class's jobs may run at a lower level where they tolerate more. See
//     away.go.
//   - Pools may have guests of others on what their own jobs leave. See guest.go.
//   - Some of these rules can be switched off in a pool. See switches.go.
//   - Of a pool's total a part may start within a period. See period.go.
//   - Floating resources stand on no node: a pool has so much of each. See floating.go.
//   - Limits: a class's fraction of the pool in a queue, token buckets, look-back. No
//     start exceeds one.
//
// # Guarantees
//
//   - A plan is a function of the state's content, the configuration, the time and
//     the budget. Ties break on names and ids.
//   - No decision is made with floating point: shares are floor(amount << 32 / total).
//   - A fact that Apply refuses leaves the state as it was.
package schedule
