// Package rulebench puts the decision of package eligibility beside the same rules in OPA and in CEL, in one
// run, with the same outcomes. It is a module of its own, so that nobody gets OPA with syncd:
//
//	cd eligibility/rulebench && go test -bench . -benchmem
//
// The comparison favours the others. They are given the meeting's facts ready made (copies merged, people
// united under their addresses and with their answers, links read and chosen, titles as words), have 13 of the
// 26 rules, and only the simple details; their input is converted outside of the measured loop. Decide does all of
// that from the copies, and all of the rules.
//
// Measured (two cores, AMD EPYC; meetings of ten people, a directory of 100,000): syncd 7 µs and 21 allocations,
// CEL 36 µs and 504, five times as long, OPA 214 µs and 1,660, 32 times as long. Most of these meetings have
// rules that fail, whose details cost; a meeting that is recorded takes syncd under 5 µs and 14 allocations
// (BenchmarkDecide in package eligibility).
package rulebench
