// Package linkparse finds conference links in what people and calendars write, and unwraps what mail
// gateways made of them.
//
// Find reads an event's fields and gives every link to a meeting, the best first, in canonical form with
// the ids that the URL has. It works offline: it never follows a link, and what only a gateway's server
// could undo is reported as still wrapped, by the gateway's name. Follow does the same and asks a Resolver
// for those, where somebody has turned that on; package resolver is one.
//
// # The tables
//
// What is known of the world stands in three tables, a row each with where it was seen:
//
//   - providers: the hosts of a conference service, and the function that tells its meetings from its other
//     pages. Services that are recognised and no more (others) are a row without a function.
//   - gateways: the hosts and paths of a mail gateway, and how it carries the original.
//   - schemes: the schemes of URLs, the services' own among them.
//
// Hosts match exactly or below a dot, never as substrings. A URL is cut strictly (address.go): user names,
// ports, backslashes, escapes and other alphabets in the authority are no link, since parsers disagree on
// them. Nothing inside a URL on an unknown host is looked at.
//
// # What was measured
//
// On a machine with two cores (AMD EPYC, Go 1.26), under other load:
//
//		go test ./linkparse -run XXX -bench . -benchmem
//
//	  - Text without a link is read at 1.1 GB/s; HTML at 100 MB/s, most of it in golang.org/x/net/html.
//	  - One link in an invitation of 1.2 kB: 2.3 µs, 9 allocations, 952 B.
//	  - A wrapped link in 30 kB of HTML: 0.27 ms, 66 kB, 1,600 allocations, nearly all of them the tokenizer's.
//	  - Beside 68 regular expressions, one a service, as other programs have them (testdata/patterns.txt):
//	    31 times as fast without a link, 16 to 24 times with one, 4 times in HTML. The expressions neither
//	    unwrap, nor decode entities, nor tell a meeting from a dial-in page.
//
// The cases in testdata are met without exception; gateways can be encoded by the tests, and unwrapping
// undoes wrapping for each and for any three around each other.
package linkparse
