package mailauth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// seal adds a set as a forwarder does. TestPeer has an independent one.
func seal(t *testing.T, mail, domain, results string, change func(field string) string) string {
	t.Helper()
	m, err := parse([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	i, cv := 1+len(m.all("arc-seal")), "pass"
	if i == 1 {
		cv = "none"
	}
	add := func(s string) string { return change(s) + "\r\n" }
	rsaOf := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		b, err := rsa.SignPKCS1v15(rand.Reader, keys(), crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	results = add(fmt.Sprintf("ARC-Authentication-Results: i=%d; mx.%s; %s", i, domain, results))
	body := sha256.Sum256(canonBody(crlfBytes(m.body), relaxed))
	signature := change(fmt.Sprintf("ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s1; h=from:subject; bh=%s; b=", i, domain, base64.StdEncoding.EncodeToString(body[:])))
	text := canonField(m.all("from")[0].raw, relaxed) + canonField(m.all("subject")[0].raw, relaxed) + strings.TrimRight(canonField(signature, relaxed), "\r\n")
	signature += rsaOf(text) + "\r\n"
	sets := ""
	if i > 1 {
		before, err := m.sets()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range before {
			sets += canonField(s.results.raw, relaxed) + canonField(s.signature.raw, relaxed) + canonField(s.seal.raw, relaxed)
		}
	}
	own := change(fmt.Sprintf("ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=%s; s=s1; b=", i, cv, domain))
	sets += canonField(results, relaxed) + canonField(signature, relaxed) + strings.TrimRight(canonField(own, relaxed), "\r\n")
	return own + rsaOf(sets) + "\r\n" + signature + results + mail
}

// TestChain: which chains are believed.
func TestChain(t *testing.T) {
	same := func(s string) string { return s }
	replace := func(from, to string) func(string) string {
		return func(s string) string { return strings.Replace(s, from, to, 1) }
	}
	const pass = "dkim=pass header.d=acme.com; dmarc=pass header.from=acme.com"
	one := seal(t, letter, "forward.example", pass, same)
	for _, c := range []struct{ name, mail, want string }{
		{"one forwarder", one, "by arc of forward.example"},
		{"two", seal(t, one, "globex.com", "arc=pass", same), "by arc of forward.example"},
		{"no pass", seal(t, letter, "forward.example", "dkim=fail header.d=acme.com", same), "no pass for acme.com"},
		{"a pass for another", seal(t, letter, "forward.example", "dkim=pass header.d=globex.com", same), "no pass for acme.com"},
		{"not believed", seal(t, letter, "mail.acme.com", pass, same), "sealed by mail.acme.com, who is not believed"},
		{"behind one who is not believed", seal(t, one, "mail.acme.com", "arc=pass", same), "who is not believed"},
		{"before one who is not believed", seal(t, seal(t, letter, "mail.acme.com", pass, same), "forward.example", "arc=pass", same), "who is not believed"},
		{"broken before", seal(t, letter, "forward.example", pass, replace("cv=none", "cv=fail")), "broken on its way"},
		{"a first one that passes", seal(t, letter, "forward.example", pass, replace("cv=none", "cv=pass")), "broken on its way"},
		{"a gap", seal(t, letter, "forward.example", pass, replace("i=1", "i=2")), "has a gap"},
		{"no number", seal(t, letter, "forward.example", pass, replace("i=1", "i=x")), "without a number"},
		{"twice", "ARC-Seal: i=1; cv=none; d=x; s=y; b=z\r\n" + one, "a set twice"},
		{"another body", strings.Replace(one, "blanks", "blinks", 1), "the body was changed"},
		{"another From", strings.Replace(one, "Ana <ana@", "Ana <bob@", 1), "it is of something else"},
		{"other results", strings.Replace(one, "mx.forward.example; dkim=pass", "mx.forward.example; dkim=PASS", 1), "it is of something else"},
		{"no From signed", seal(t, letter, "forward.example", pass, replace("h=from:subject", "h=subject")), "does not sign the From"},
		{"part of the body", seal(t, letter, "forward.example", pass, replace("h=from", "l=5; h=from")), "of a part of the body"},
		{"a seal that names fields", seal(t, letter, "forward.example", pass, replace("cv=none", "h=from; cv=none")), "names fields"},
		{"of the future", seal(t, letter, "forward.example", pass, replace("h=from", "t=99999999999; h=from")), "of the future"},
		{"expired", seal(t, letter, "forward.example", pass, replace("h=from", "x=1000; h=from")), "has expired"},
		{"no key", seal(t, letter, "forward.example", pass, replace("s=s1", "s=s2")), "its key is not there"},
		{"sha1", seal(t, letter, "forward.example", pass, replace("a=rsa-sha256; c", "a=rsa-sha1; c")), "its algorithm"},
		{"none", letter, "it has no ARC chain"},
		{"a signature that holds", sign(t, letter, dkim.SignOptions{}), "it has no ARC chain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := checker(dns())
			k.DKIM, k.Sealers = false, []string{"forward.example", "globex.com"}
			if got := judge(t, k, c.mail); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
