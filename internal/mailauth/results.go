package mailauth

import (
	"errors"
	"fmt"
	"strings"
)

// results are what one Authentication-Results field says (RFC 8601 section 2.2).
type results struct {
	host string // the authserv-id, in lower case; "" in Exchange Online's, which names none
	all  []result
}

// A result is of one method.
type result struct {
	method string // in lower case: "dkim"
	value  string // in lower case: "pass"
	// properties are by type and name, in lower case: "header.d". Of several of one name the first counts.
	properties map[string]string
}

// parseResults reads the value of an Authentication-Results field, also as Exchange Online writes it: without a host, and
// with a domain alone in place of a result. ok is false if it is none.
func parseResults(value string) (r results, ok bool) {
	for i, part := range split(strip(value)) {
		words := wordsOf(part)
		if len(words) == 0 {
			continue
		}
		if i == 0 && !strings.Contains(words[0], "=") {
			r.host = strings.ToLower(words[0])
			continue
		}
		method, value, is := strings.Cut(words[0], "=")
		if !is {
			continue // "none", or a domain alone
		}
		method, _, _ = strings.Cut(strings.ToLower(method), "/") // its version
		res := result{method: method, value: strings.ToLower(value), properties: map[string]string{}}
		for _, w := range words[1:] {
			if name, value, is := strings.Cut(w, "="); is {
				if name = strings.ToLower(name); res.properties[name] == "" {
					res.properties[name] = strings.ToLower(value)
				}
			}
		}
		r.all = append(r.all, res)
	}
	return r, r.host != "" || len(r.all) > 0
}

// A lexeme is a byte of a field's value; quoted ones separate nothing.
type lexeme struct {
	c      byte
	quoted bool
}

// strip takes out comments and quotation marks (RFC 5322 sections 3.2.2 and 3.2.4). What is never closed goes on to the
// end.
func strip(s string) []lexeme {
	var out []lexeme
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && (depth > 0 || quoted) && i+1 < len(s):
			i++
			if depth == 0 {
				out = append(out, lexeme{s[i], true})
			}
		case depth > 0 && c == '(':
			depth++
		case depth > 0 && c == ')':
			depth--
		case depth > 0:
		case c == '"':
			quoted = !quoted
		case quoted:
			out = append(out, lexeme{c, true})
		case c == '(':
			depth++
			out = append(out, lexeme{' ', false})
		default:
			out = append(out, lexeme{c, false})
		}
	}
	return out
}

// split parts a value at its semicolons.
func split(s []lexeme) [][]lexeme {
	parts := [][]lexeme{nil}
	for _, l := range s {
		if l.c == ';' && !l.quoted {
			parts = append(parts, nil)
			continue
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], l)
	}
	return parts
}

// wordsOf are the words of a part. Blanks around "=" and "." belong to none (CFWS).
func wordsOf(part []lexeme) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	blank := false
	for _, l := range part {
		if !l.quoted && (l.c == ' ' || l.c == '\t' || l.c == '\r' || l.c == '\n') {
			blank = true
			continue
		}
		joins := !l.quoted && l.c == '=' || strings.HasSuffix(word.String(), "=")
		if blank && !joins {
			flush()
		}
		blank = false
		word.WriteByte(l.c)
	}
	flush()
	return words
}

// topmost are the Authentication-Results that the last hosts have written: the first ones from above, as far as no
// other field but theirs is between them.
func (m *message) topmost() []results {
	var all []results
	for _, f := range m.fields {
		if f.name == "authentication-results" {
			if r, ok := parseResults(unfold(f.value())); ok {
				all = append(all, r)
			}
		} else if len(all) > 0 {
			break
		}
	}
	return all
}

// results looks for a pass of a host that is believed. Of several fields in a row, those of its name count.
func (k *check) results() (string, error) {
	all := k.mail.topmost()
	if len(all) == 0 {
		return "", errors.New("it has no Authentication-Results")
	}
	if !holds(k.Results, all[0].host) {
		return "", fmt.Errorf("its Authentication-Results are of %q, which is not believed", all[0].host)
	}
	for _, r := range all {
		if r.host == all[0].host && k.passes(r) {
			return r.host, nil
		}
	}
	return "", fmt.Errorf("the Authentication-Results of %s have no pass for %s", all[0].host, k.mail.domain)
}

// passes reports whether the results vouch for the From: by DMARC, or by a signature that is aligned.
func (k *check) passes(r results) bool {
	for _, res := range r.all {
		p := res.properties
		switch {
		case res.value != "pass":
		case res.method == "dmarc" && p["header.from"] == k.mail.domain:
			return true
		case res.method == "dkim" && p["header.d"] != "" && k.aligned(p["header.d"]):
			return true
		case res.method == "dkim" && p["header.d"] == "" && strings.HasPrefix(p["header.i"], "@") && k.aligned(p["header.i"][1:]):
			return true
		}
	}
	return false
}

// exchange looks for Exchange Online's marks: mail from within the tenant, else its results, which name no host.
func (k *check) exchange() (string, error) {
	if as := k.mail.all("x-ms-exchange-organization-authas"); len(as) == 1 && strings.EqualFold(strings.TrimSpace(as[0].value()), "Internal") {
		return "Exchange Online", nil
	}
	all := k.mail.topmost()
	if len(all) == 0 || all[0].host != "" {
		return "", errors.New("it has no results of Exchange Online")
	}
	if k.passes(all[0]) {
		return "Exchange Online", nil
	}
	return "", fmt.Errorf("the results of Exchange Online have no pass for %s", k.mail.domain)
}
