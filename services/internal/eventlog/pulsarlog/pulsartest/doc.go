// Package pulsartest gives tests a real Pulsar: tools/pulsar, built and started. A
// start takes some ten seconds, and once on a machine the time to fetch the
// distribution, so a test binary starts one and shares it, unless a test kills it.
//
//	func TestX(t *testing.T) {
//		broker := pulsartest.Start(t)
//
// It ends with the test, or with the test binary however that ends (on Linux).
//
// Where the machine lacks Java or Maven such a test is skipped and says why;
// FAIRLEAD_REQUIRE_PULSAR=1 makes that a failure, so that a machine that should have
// them cannot lose the tests unseen.
package pulsartest
