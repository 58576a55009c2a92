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
// With "make bench", on a machine with two cores (AMD EPYC, Go 1.26):
//
//   - Text without a link is read at 1.3 GB/s; HTML at 190 MB/s, most of it in golang.org/x/net/html.
//   - One link in an invitation of 1.2 kB: 1.3 µs, 8 allocations, 904 B.
//   - A wrapped link in 30 kB of HTML: 0.16 ms, 67 kB, 1,600 allocations, nearly all of them the tokenizer's.
//   - Beside 68 regular expressions, one a service, as other programs have them (testdata/patterns.txt):
//     33 times as fast without a link, 24 times with one, 5 times in HTML. The expressions neither unwrap,
//     nor decode entities, nor tell a meeting from a dial-in page.
//
// The cases in testdata are met without exception; gateways can be encoded by the tests, and unwrapping
// undoes wrapping for each and for any three around each other.
package linkparse
