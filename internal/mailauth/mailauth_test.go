package mailauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// keys are made once: that takes long.
var keys = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// names is a DNS.
type names map[string]string

func (n names) lookup(_ context.Context, name string) ([]string, error) {
	switch v, ok := n[name]; {
	case ok && v == "down":
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case ok:
		return []string{v}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// dns has one key for everybody.
func dns(domains ...string) names {
	n := names{}
	for _, d := range append(domains, "acme.com", "mail.acme.com", "globex.com", "forward.example", "com") {
		n["s1._domainkey."+d] = "v=DKIM1; k=rsa; p=" + publicKey(&keys().PublicKey)
	}
	return n
}

func publicKey(k *rsa.PublicKey) string {
	b, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

const letter = "From: Ana <ana@acme.com>\r\nTo: notes@acme.com\r\nSubject: Hello\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n  two  blanks \r\nEND:VCALENDAR\r\n\r\n\r\n"

// sign signs a mail by go-msgauth's signer.
func sign(t testing.TB, mail string, o dkim.SignOptions) string {
	t.Helper()
	if o.Domain == "" {
		o.Domain = "acme.com"
	}
	if o.Selector == "" {
		o.Selector = "s1"
	}
	if o.Signer == nil {
		o.Signer = keys()
	}
	if o.HeaderCanonicalization == "" {
		o.HeaderCanonicalization, o.BodyCanonicalization = dkim.CanonicalizationRelaxed, dkim.CanonicalizationRelaxed
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(mail), &o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checker(n names) *Checker {
	return &Checker{DKIM: true, LookupTXT: n.lookup, Now: time.Now} // the signer's clock
}

// judge is the verdict in a line.
func judge(t testing.TB, c *Checker, mail string) string {
	t.Helper()
	v, err := c.Check(t.Context(), []byte(mail))
	switch {
	case err == nil:
		return v.From + " by " + v.By + " of " + v.Domain
	case errors.Is(err, ErrUnproven), errors.Is(err, ErrTemporary):
		return err.Error()
	}
	t.Fatal(err)
	return ""
}

// TestDKIM: who signed, and what makes a signature worth nothing.
func TestDKIM(t *testing.T) {
	signed := sign(t, letter, dkim.SignOptions{})
	with := func(field string) string { return field + "\r\n" + signed }
	for _, c := range []struct{ name, mail, want string }{
		{"signed", signed, "ana@acme.com by dkim of acme.com"},
		{"bare line feeds", strings.ReplaceAll(signed, "\r\n", "\n"), "ana@acme.com by dkim of acme.com"},
		{"simple", sign(t, letter, dkim.SignOptions{HeaderCanonicalization: "simple", BodyCanonicalization: "simple"}), "ana@acme.com by dkim of acme.com"},
		{"a subdomain signs", sign(t, letter, dkim.SignOptions{Domain: "mail.acme.com"}), "ana@acme.com by dkim of mail.acme.com"},
		{"one of two signatures", sign(t, sign(t, letter, dkim.SignOptions{}), dkim.SignOptions{Domain: "globex.com"}), "ana@acme.com by dkim of acme.com"},
		{"unsigned", letter, "it has no DKIM signature"},
		{"another body", strings.Replace(signed, "blanks", "blinks", 1), "changed on its way"},
		{"another subject", strings.Replace(signed, "Hello", "Hallo", 1), "does not hold"},
		{"another domain signs", sign(t, letter, dkim.SignOptions{Domain: "globex.com"}), "globex.com, which does not speak for acme.com"},
		{"a public suffix signs", sign(t, letter, dkim.SignOptions{Domain: "com"}), "com, which does not speak for acme.com"},
		{"a look-alike", strings.Replace(sign(t, strings.Replace(letter, "ana@acme.com", "ana@acme.com.globex.com", 1), dkim.SignOptions{Domain: "globex.com"}), "x", "x", 1), "ana@acme.com.globex.com by dkim of globex.com"},
		{"a second From above", with("From: ceo@globex.com"), "it has 2 From fields"},
		{"a second From with a blank", with("From : ceo@globex.com"), "it has 2 From fields"},
		{"a From in the middle", strings.Replace(signed, "\r\nTo: notes", "\r\nfrom: ceo@globex.com\r\nTo: notes", 1), "it has 2 From fields"},
		{"no From", "To: x@y.z\r\n\r\n", "it has 0 From fields"},
		{"two addresses", sign(t, strings.Replace(letter, "Ana <ana@acme.com>", "ceo@globex.com, ana@acme.com", 1), dkim.SignOptions{}), "is not one address"},
		{"a name like an address", sign(t, strings.Replace(letter, "Ana <", `"ceo@globex.com" <`, 1), dkim.SignOptions{}), "ana@acme.com by dkim of acme.com"},
		{"a line that is none", with("From\x00: ceo@globex.com"), "a line of its header is none"},
		{"a line without a name", with("hello"), "a line of its header is none"},
		{"no end", "From: ana@acme.com", "its header does not end"},
		{"part of the body", strings.Replace(signed, "DKIM-Signature: ", "DKIM-Signature: l=5; ", 1), "does not hold"},
		{"expired", sign(t, letter, dkim.SignOptions{Expiration: time.Unix(1000, 0)}), "does not hold"},
		{"no key", strings.Replace(signed, "s=s1", "s=s2", 1), "no valid key found"},
		{"many fields", strings.Repeat("X-A: b\r\n", maxFields) + signed, "its header is too large"},
		{"a long header", "X-A: " + strings.Repeat("b", maxHeader) + "\r\n" + signed, "its header is too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := judge(t, checker(dns()), c.mail); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestAlignment: what a domain's own DMARC record demands.
func TestAlignment(t *testing.T) {
	for _, c := range []struct {
		record map[string]string
		signer string
		want   string
	}{
		{nil, "mail.acme.com", "by dkim"},
		{map[string]string{"_dmarc.acme.com": "v=DMARC1; p=none"}, "mail.acme.com", "by dkim"},
		{map[string]string{"_dmarc.acme.com": "v=DMARC1; p=none; adkim=r"}, "mail.acme.com", "by dkim"},
		{map[string]string{"_dmarc.acme.com": "v=DMARC1; p=none; adkim=s"}, "mail.acme.com", "does not speak for"},
		{map[string]string{"_dmarc.acme.com": "v=DMARC1; p=none; adkim=s"}, "acme.com", "by dkim"},
		{map[string]string{"_dmarc.acme.com": "down"}, "mail.acme.com", ErrTemporary.Error()},
		{map[string]string{"_dmarc.acme.com": "down"}, "acme.com", "by dkim"},
		{map[string]string{"s1._domainkey.acme.com": "down"}, "acme.com", ErrTemporary.Error()},
		{map[string]string{"s1._domainkey.acme.com": "v=DKIM1; p="}, "acme.com", "key revoked"},
	} {
		n := dns()
		for k, v := range c.record {
			n[k] = v
		}
		if got := judge(t, checker(n), sign(t, letter, dkim.SignOptions{Domain: c.signer})); !strings.Contains(got, c.want) {
			t.Errorf("%v, signed by %s: got %q, want %q", c.record, c.signer, got, c.want)
		}
	}
}

// TestFuture: a signature that is not made yet is none.
func TestFuture(t *testing.T) {
	c := checker(dns())
	c.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	if got := judge(t, c, sign(t, letter, dkim.SignOptions{})); !strings.Contains(got, "of the future") {
		t.Error(got)
	}
}

// TestKeys: keys of another kind.
func TestKeys(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := dns()
	n["ed._domainkey.acme.com"] = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	var signer crypto.Signer = private
	if got := judge(t, checker(n), sign(t, letter, dkim.SignOptions{Selector: "ed", Signer: signer})); !strings.Contains(got, "by dkim") {
		t.Error(got)
	}
}

// TestResults: whose Authentication-Results are believed, and what they must say.
func TestResults(t *testing.T) {
	const trusted = "Authentication-Results: mx.acme.com; dmarc=pass header.from=acme.com\r\n"
	for _, c := range []struct {
		name, fields, want string
	}{
		{"dmarc", trusted, "by results of mx.acme.com"},
		{"aligned dkim", "Authentication-Results: MX.acme.com 1; spf=fail smtp.mailfrom=x;\r\n dkim=pass header.d=mail.acme.com header.s=s1\r\n", "by results"},
		{"OpenDKIM's comment", "Authentication-Results: mx.acme.com;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=acme.com header.i=@acme.com header.b=\"a;b\"\r\n", "by results"},
		{"Gmail's", "Authentication-Results: mx.acme.com; dkim=pass header.i=@acme.com header.s=20230601 header.b=x; spf=pass (google.com: domain of ana@acme.com designates 1.2.3.4 as permitted sender) smtp.mailfrom=ana@acme.com; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=acme.com\r\n", "by results"},
		{"two of one host", "Authentication-Results: mx.acme.com; spf=pass\r\n" + trusted, "by results"},
		{"other fields above", "Received: from a by mx.acme.com; x\r\nReturn-Path: <x>\r\n" + trusted, "by results"},
		{"none", "", "it has no Authentication-Results"},
		{"a host that is not believed", "Authentication-Results: mx.globex.com; dmarc=pass header.from=acme.com\r\n", `of "mx.globex.com", which is not believed`},
		{"one that is not believed above", "Authentication-Results: mx.globex.com; dmarc=fail\r\n" + trusted, "not believed"},
		{"a forged one below", "Authentication-Results: mx.acme.com; dmarc=fail header.from=acme.com\r\nReceived: from evil\r\n" + trusted, "no pass for acme.com"},
		{"of another From", "Authentication-Results: mx.acme.com; dmarc=pass header.from=globex.com\r\n", "no pass"},
		{"of another signer", "Authentication-Results: mx.acme.com; dkim=pass header.d=globex.com\r\n", "no pass"},
		{"a pass in a comment", "Authentication-Results: mx.acme.com; dmarc=fail (dmarc=pass header.from=acme.com) header.from=acme.com\r\n", "no pass"},
		{"a pass in quotes", "Authentication-Results: mx.acme.com; spf=fail smtp.mailfrom=\"x; dmarc=pass header.from=acme.com\"\r\n", "no pass"},
		{"a pass in an escape", `Authentication-Results: mx.acme.com; spf=fail smtp.mailfrom="x\"; dmarc=pass header.from=acme.com"` + "\r\n", "no pass"},
		{"a second header.from", "Authentication-Results: mx.acme.com; dmarc=pass header.from=globex.com header.from=acme.com\r\n", "no pass"},
		{"the host in a comment", "Authentication-Results: (mx.acme.com;) evil.example; dmarc=pass header.from=acme.com\r\n", "not believed"},
		{"spf alone", "Authentication-Results: mx.acme.com; spf=pass smtp.mailfrom=ana@acme.com\r\n", "no pass"},
		{"nothing", "Authentication-Results: mx.acme.com; none\r\n", "no pass"},
		{"without a host", "Authentication-Results: dmarc=pass header.from=acme.com\r\n", `of "", which is not believed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := judge(t, &Checker{Results: []string{"mx.acme.com"}, LookupTXT: names{}.lookup}, c.fields+letter); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestExchange: the marks of Exchange Online, which are worth nothing elsewhere.
func TestExchange(t *testing.T) {
	const results = "Authentication-Results: spf=pass (sender IP is 1.2.3.4)\r\n smtp.mailfrom=acme.com; dkim=pass (signature was verified)\r\n header.d=acme.com;dmarc=pass action=none\r\n header.from=acme.com;compauth=pass reason=100\r\n"
	const older = "Authentication-Results: acme.onmicrosoft.com; dkim=none (message not signed)\r\n header.d=none;acme.onmicrosoft.com; dmarc=none action=none header.from=acme.com;\r\n"
	for _, c := range []struct {
		exchange     bool
		fields, want string
	}{
		{true, results, "ana@acme.com by exchange"},
		{true, "X-MS-Exchange-Organization-AuthAs: Internal\r\n" + older, "ana@acme.com by exchange"},
		{true, "X-MS-Exchange-Organization-AuthAs: Anonymous\r\n" + older, "no results of Exchange Online"},
		{true, "X-MS-Exchange-Organization-AuthAs: Anonymous\r\nX-MS-Exchange-Organization-AuthAs: Internal\r\n", "no results of Exchange Online"},
		{true, "Authentication-Results: dkim=fail header.d=acme.com;dmarc=fail header.from=acme.com\r\n" + results, "no pass"},
		{false, "X-MS-Exchange-Organization-AuthAs: Internal\r\n" + results, "nothing is configured"},
	} {
		if got := judge(t, &Checker{Exchange: c.exchange, LookupTXT: names{}.lookup}, c.fields+letter); !strings.Contains(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.fields, got, c.want)
		}
	}
}

// TestPeer: what dkimpy signs and seals is believed; what is changed afterwards is believed by neither.
func TestPeer(t *testing.T) {
	p := newPeer(t)
	n := dns()
	key := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(keys())}))
	r := mathrand.New(mathrand.NewPCG(1, 1))
	believed, refused := 0, 0
	for i := range 60 {
		mail := randomMail(r)
		canon := []string{"relaxed/relaxed", "relaxed/simple", "simple/simple", "simple/relaxed"}[i%4]
		mail = p.done(request{Op: "sign", Mail: mail, Selector: "s1", Domain: "acme.com", Key: key, Canon: canon, Headers: []string{"from", "subject", "x-odd"}})
		c, op := checker(n), "dkim"
		if i%2 == 1 {
			// A forwarder sees the signature, notes that it held, and changes the subject.
			mail = append([]byte("Authentication-Results: mx.forward.example; dkim=pass header.d=acme.com; arc=none\r\n"), mail...)
			c.DKIM, c.Sealers, op = false, []string{"forward.example", "globex.com"}, "arc"
			mail = p.done(request{Op: "seal", Mail: mail, Selector: "s1", Domain: "forward.example", Key: key, Host: "mx.forward.example", DNS: n})
			if i%4 == 1 {
				mail = append([]byte("Authentication-Results: mx.globex.com; arc=pass\r\n"), mail...)
				mail = p.done(request{Op: "seal", Mail: mail, Selector: "s1", Domain: "globex.com", Key: key, Host: "mx.globex.com", DNS: n})
			}
		}
		if got := judge(t, c, string(mail)); !strings.HasPrefix(got, "ana@acme.com by "+op) {
			t.Fatalf("mail %d, %s: %s\n%s", i, canon, got, mail)
		}
		for range 10 {
			changed := bytes.Clone(mail)
			changed[r.IntN(len(changed))] ^= 1 << r.IntN(7)
			a := p.ask(request{Op: op, Mail: changed, DNS: n})
			ours := strings.Contains(judge(t, c, string(changed)), " by "+op)
			if ours {
				believed++
			} else {
				refused++
			}
			if ours && !a.OK {
				t.Fatalf("mail %d is believed, and dkimpy says %+v:\n%s", i, a, changed)
			}
		}
	}
	t.Logf("of the changed mails, %d were believed by both (their signatures do not cover the place), %d were not", believed, refused)
	if refused < 100 {
		t.Error("hardly any change was refused")
	}
}

func randomMail(r *mathrand.Rand) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Ana <ana@acme.com>\r\nSubject: %s\r\n", strings.Repeat("a  b\t", 1+r.IntN(5)))
	if r.IntN(2) == 0 {
		b.WriteString("X-Odd:one\r\n\ttwo   three \r\n")
	}
	b.WriteString("\r\n")
	for range r.IntN(6) {
		b.WriteString([]string{"line\r\n", "  two  blanks \r\n", "\r\n", "\t\r\n", "BEGIN:VCALENDAR\r\n"}[r.IntN(5)])
	}
	return []byte(b.String())
}

// FuzzResults: whatever a field says, nothing breaks, and no pass comes out of a quoted text or a comment.
func FuzzResults(f *testing.F) {
	f.Add("mx.acme.com; dmarc=pass (a;b) header.from=\"x\\\"y\"")
	f.Fuzz(func(t *testing.T, s string) {
		for _, hide := range []string{"(%s)", "\"%s\""} {
			if strings.ContainsAny(s, "()\"\\") {
				break
			}
			r, _ := parseResults("host; x=" + fmt.Sprintf(hide, "; dmarc=pass "+s))
			for _, res := range r.all {
				if res.method == "dmarc" {
					t.Fatalf("%q: %+v", s, r)
				}
			}
		}
		parseResults(s)
	})
}

// FuzzCheck: whatever the bytes, there is a verdict.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(sign(f, letter, dkim.SignOptions{})))
	f.Add([]byte("ARC-Seal: i=1; a=rsa-sha256; cv=none; d=forward.example; s=s1; b=x\r\nARC-Message-Signature: i=1; h=from; b=x\r\nARC-Authentication-Results: i=1; mx; dkim=pass\r\n" + letter))
	c := checker(dns())
	c.Sealers, c.Results, c.Exchange = []string{"forward.example"}, []string{"mx"}, true
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := c.Check(t.Context(), b); err == nil && v.From == "" || err != nil && !errors.Is(err, ErrUnproven) && !errors.Is(err, ErrTemporary) {
			t.Fatal(v, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	mail := []byte(sign(b, letter+strings.Repeat("0123456789 0123456789\r\n", 900), dkim.SignOptions{}))
	c := checker(dns())
	b.SetBytes(int64(len(mail)))
	for b.Loop() {
		if _, err := c.Check(b.Context(), mail); err != nil {
			b.Fatal(err)
		}
	}
}
