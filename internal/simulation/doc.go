// Package simulation is a test of the whole of syncd but its processes: a Google and a Microsoft 365 tenant and a
// mailbox, people who plan and change meetings, two engines on one store, recorders. Everything follows from a seed, time is that
// of a bubble (testing/synctest). Work is done one store operation at a time, in an order that the seed chooses: a
// process may stop for hours, or die, between any two.
//
//	go test ./internal/simulation -run TestHistories -histories 10000 -timeout 4h
package simulation
