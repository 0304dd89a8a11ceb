// Package processtest starts the five services as processes of their own, as they are
// built and as an operator starts them, and lets tests kill, pause and start them again.
//
//	in := processtest.Installation{Bin: processtest.Build(t), Dir: t.TempDir(), Postgres: url, Log: "{…}"}
//	s, err := in.Start("scheduler", "")
//	err = s.AwaitReady(ctx)
//
// A service keeps its ports and its configuration over a restart, so others find it
// again. Nothing here waits by the clock but AwaitReady, which asks /readyz until it
// answers. What a service said is in Dir, one file a service, and the end of it in
// [Service.Said].
package processtest
