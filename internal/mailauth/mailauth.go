// Package mailauth says who really sent a mail: by DKIM signatures (RFC 6376) that are aligned with its From (RFC 7489),
// by the results of a host that is believed (RFC 8601), or by what a believed forwarder has sealed (ARC, RFC 8617).
package mailauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

// A Checker says whether a mail is from whom it says. The zero Checker believes nobody.
type Checker struct {
	// Results are hosts, by the authserv-id that they write, whose Authentication-Results are believed. They must take
	// out those of their name that a mail brings along (RFC 8601 section 5); only the topmost are looked at.
	Results []string
	// Exchange says that the mail comes out of a mailbox in Exchange Online: its results name no host, and it marks what
	// was sent within the tenant. Anywhere else, both can be forged.
	Exchange bool
	// DKIM has signatures verified here.
	DKIM bool
	// Sealers are the domains whose ARC seals are believed: forwarders who break signatures.
	Sealers []string
	// LookupTXT asks the DNS. That there is no such name is a *net.DNSError with IsNotFound.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
	Now       func() time.Time
}

// A Verdict is on a mail that is from whom it says.
type Verdict struct {
	From string // the address, in lower case
	By   string // "dkim", "results", "exchange" or "arc"
	// Domain is who vouches: the signer, the host, the sealer.
	Domain string
}

// ErrUnproven: the mail may be from anybody. Errors that wrap it say why, and nothing of what is in the mail but domains.
var ErrUnproven = errors.New("it is not known who sent it")

// ErrTemporary: the DNS does not answer; later there will be a verdict.
var ErrTemporary = errors.New("the DNS does not answer")

// Limits on one mail.
const (
	maxSignatures = 5
	maxSets       = 5  // of ARC; the standard allows 50
	maxLookups    = 20 // of DNS
	maxFields     = 2000
	maxHeader     = 1 << 20
)

// Check says who sent the mail. The error is ErrUnproven or ErrTemporary, or ctx's.
func (c *Checker) Check(ctx context.Context, raw []byte) (Verdict, error) {
	m, err := parse(raw)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{From: m.from}
	k := &check{Checker: c, ctx: ctx, mail: m}
	var reasons []string
	for _, way := range []struct {
		is  bool
		by  string
		try func() (domain string, err error)
	}{
		{c.Exchange, "exchange", k.exchange},
		{len(c.Results) > 0, "results", k.results},
		{c.DKIM, "dkim", k.signatures},
		{len(c.Sealers) > 0, "arc", k.chain},
	} {
		if !way.is {
			continue
		}
		domain, err := way.try()
		if err == nil {
			v.By, v.Domain = way.by, domain
			return v, nil
		}
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		reasons = append(reasons, err.Error())
	}
	if k.temporary != nil {
		return v, fmt.Errorf("%w: %w", ErrTemporary, k.temporary)
	}
	if len(reasons) == 0 {
		reasons = []string{"nothing is configured by which to tell"}
	}
	return v, fmt.Errorf("%w: %s", ErrUnproven, strings.Join(reasons, "; "))
}

// A check is of one mail.
type check struct {
	*Checker
	ctx  context.Context
	mail *message

	mu        sync.Mutex // signatures are verified side by side
	lookups   int
	temporary error // why some answer is not known now
}

// lookup asks the DNS, within the mail's budget.
func (k *check) lookup(name string) ([]string, error) {
	k.mu.Lock()
	k.lookups++
	many := k.lookups > maxLookups
	k.mu.Unlock()
	if many {
		return nil, fmt.Errorf("it takes more than %d questions to the DNS", maxLookups)
	}
	txts, err := k.LookupTXT(k.ctx, name)
	var dns *net.DNSError
	switch {
	case err == nil:
		return txts, nil
	case errors.As(err, &dns) && dns.IsNotFound:
		return nil, nil
	}
	err = fmt.Errorf("look up %s: %w", name, err)
	k.mu.Lock()
	k.temporary = err
	k.mu.Unlock()
	return nil, err
}

// A field is one header field as it is in the mail, with its line breaks.
type field struct {
	name string // in lower case
	raw  string
}

// value is what follows the colon.
func (f field) value() string {
	_, v, _ := strings.Cut(f.raw, ":")
	return v
}

// A message is a mail's header, as it stands there, and its body.
type message struct {
	fields []field // the topmost first
	body   []byte
	from   string // the one address in the one From
	domain string // of from
}

// parse takes a mail apart without changing a byte. Whatever could make two readers see two senders is refused.
func parse(raw []byte) (*message, error) {
	m := &message{}
	for rest := raw; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return nil, fmt.Errorf("%w: its header does not end", ErrUnproven)
		}
		line := string(rest[:i+1])
		rest = rest[i+1:]
		if strings.Trim(line, "\r\n") == "" {
			m.body = rest
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(m.fields) > 0 {
			m.fields[len(m.fields)-1].raw += line
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("%w: a line of its header is none", ErrUnproven)
		}
		if m.fields = append(m.fields, field{name, line}); len(m.fields) > maxFields || len(raw)-len(rest) > maxHeader {
			return nil, fmt.Errorf("%w: its header is too large", ErrUnproven)
		}
	}
	from := m.all("from")
	if len(from) != 1 {
		return nil, fmt.Errorf("%w: it has %d From fields, not one", ErrUnproven, len(from))
	}
	list, err := mail.ParseAddressList(strings.TrimSpace(unfold(from[0].value())))
	if err != nil || len(list) != 1 {
		return nil, fmt.Errorf("%w: its From is not one address", ErrUnproven)
	}
	m.from = strings.ToLower(list[0].Address)
	m.domain = strings.TrimSuffix(m.from[strings.LastIndexByte(m.from, '@')+1:], ".")
	if m.domain == "" || strings.ContainsAny(m.domain, "[]\x00 ") {
		return nil, fmt.Errorf("%w: its From has no domain", ErrUnproven)
	}
	return m, nil
}

// all are the fields of this name.
func (m *message) all(name string) []field {
	var all []field
	for _, f := range m.fields {
		if f.name == name {
			all = append(all, f)
		}
	}
	return all
}

func unfold(s string) string { return strings.NewReplacer("\r\n", "", "\n", "", "\x00", "").Replace(s) }

// aligned reports whether who vouches for domain vouches for the From (RFC 7489 section 3.1.1).
func (k *check) aligned(domain string) bool {
	from, domain := k.mail.domain, strings.ToLower(strings.TrimSuffix(domain, "."))
	if from == domain {
		return true
	}
	org := organization(from)
	return org != "" && org == organization(domain) && !k.strict(from, org)
}

// organization is the domain below a public suffix; "" for a public suffix itself.
func organization(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return ""
	}
	return org
}

// strict reports whether the From's domain demands signatures of its own name. What is not known counts as strict.
func (k *check) strict(from, org string) bool {
	for _, domain := range []string{from, org} {
		txts, err := k.lookup("_dmarc." + domain)
		if err != nil {
			return true
		}
		for _, txt := range txts {
			if tags := tagsOf(txt); tags["v"] == "DMARC1" {
				return strings.EqualFold(tags["adkim"], "s")
			}
		}
	}
	return false
}

// tagsOf are the tags of a list such as "v=DMARC1; p=none" (RFC 6376 section 3.2); nil if it is none.
func tagsOf(s string) map[string]string {
	tags := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		key, value, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		switch _, twice := tags[key]; {
		case !ok && strings.TrimSpace(part) == "":
		case !ok, twice:
			return nil
		default:
			tags[key] = strings.TrimSpace(value)
		}
	}
	return tags
}

func holds(list []string, name string) bool {
	for _, l := range list {
		if strings.EqualFold(strings.TrimSuffix(l, "."), strings.TrimSuffix(name, ".")) {
			return true
		}
	}
	return false
}
