package mailauth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockSkew is how far clocks may be apart.
const clockSkew = 10 * time.Minute

// A set is what one forwarder has added (RFC 8617 section 4).
type set struct {
	results, signature, seal *field // ARC-Authentication-Results, ARC-Message-Signature, ARC-Seal
	signed, sealed           map[string]string
}

// chain looks for a sealer who is believed, and has seen a pass. The chain from the first set to the newest must hold;
// what a believed sealer says holds only if everybody who sealed after it is believed too, since each of them could
// have written all that is before.
func (k *check) chain() (string, error) {
	sets, err := k.mail.sets()
	if err != nil {
		return "", err
	}
	newest := sets[len(sets)-1]
	if err := k.verifySignature(newest); err != nil {
		return "", fmt.Errorf("the ARC signature of %s does not hold: %w", newest.signed["d"], err)
	}
	for i := len(sets) - 1; i >= 0; i-- {
		if err := k.verifySeal(sets, i); err != nil {
			return "", fmt.Errorf("the ARC seal of %s does not hold: %w", sets[i].sealed["d"], err)
		}
	}
	for i := len(sets) - 1; i >= 0; i-- {
		sealer := sets[i].sealed["d"]
		if !holds(k.Sealers, sealer) {
			return "", fmt.Errorf("its ARC chain is sealed by %s, who is not believed", sealer)
		}
		_, results, _ := strings.Cut(sets[i].results.value(), ";") // behind the instance
		if r, ok := parseResults(unfold(results)); ok && k.passes(r) {
			return sealer, nil
		}
	}
	return "", fmt.Errorf("its ARC chain has no pass for %s", k.mail.domain)
}

// sets are the mail's, the first one first: one for each instance, without a gap (RFC 8617 section 5.2).
func (m *message) sets() ([]*set, error) {
	byInstance := map[int]*set{}
	for i := range m.fields {
		f := &m.fields[i]
		place := func(s *set) **field {
			switch f.name {
			case "arc-authentication-results":
				return &s.results
			case "arc-message-signature":
				return &s.signature
			case "arc-seal":
				return &s.seal
			}
			return nil
		}
		if place(&set{}) == nil {
			continue
		}
		n, ok := instance(f)
		if !ok {
			return nil, errors.New("its ARC chain has a set without a number")
		}
		if byInstance[n] == nil {
			byInstance[n] = &set{}
		}
		if p := place(byInstance[n]); *p != nil {
			return nil, errors.New("its ARC chain has a set twice")
		} else {
			*p = f
		}
	}
	switch {
	case len(byInstance) == 0:
		return nil, errors.New("it has no ARC chain")
	case len(byInstance) > maxSets:
		return nil, fmt.Errorf("its ARC chain has more than %d sets", maxSets)
	}
	var all []*set
	for n := range len(byInstance) {
		s := byInstance[n+1]
		if s == nil || s.results == nil || s.signature == nil || s.seal == nil {
			return nil, errors.New("its ARC chain has a gap")
		}
		s.signed, s.sealed = tagsOf(unfold(s.signature.value())), tagsOf(unfold(s.seal.value()))
		want := "pass"
		if n == 0 {
			want = "none"
		}
		if s.signed == nil || s.sealed == nil || s.sealed["cv"] != want {
			return nil, errors.New("its ARC chain was broken on its way")
		}
		all = append(all, s)
	}
	return all, nil
}

// instance is the number of the set that the field is of: of results, what stands first.
func instance(f *field) (int, bool) {
	value := unfold(f.value())
	if f.name == "arc-authentication-results" {
		value, _, _ = strings.Cut(value, ";")
	}
	n, err := strconv.Atoi(tagsOf(value)["i"])
	return n, err == nil && n >= 1 && n <= 50
}

// verifySignature verifies an ARC-Message-Signature: the body, and the fields that it names.
func (k *check) verifySignature(s *set) error {
	tags := s.signed
	headers := strings.Split(strings.ToLower(squeeze(tags["h"])), ":")
	canonicalHeader, canonicalBody, _ := strings.Cut(squeeze(tags["c"]), "/")
	switch {
	case tags["l"] != "":
		return errors.New("it is of a part of the body")
	case !slices.Contains(headers, "from"):
		return errors.New("it does not sign the From")
	case slices.Contains(headers, "arc-seal"):
		return errors.New("it signs a seal") // RFC 8617 section 4.1.2
	}
	if at, err := strconv.ParseInt(tags["t"], 10, 64); tags["t"] != "" && (err != nil || time.Unix(at, 0).After(k.Now().Add(clockSkew))) {
		return errors.New("it is of the future")
	}
	if at, err := strconv.ParseInt(tags["x"], 10, 64); tags["x"] != "" && (err != nil || time.Unix(at, 0).Before(k.Now())) {
		return errors.New("it has expired")
	}
	bodySum := sha256.Sum256(canonBody(crlfBytes(k.mail.body), canonicalBody))
	want, err := base64.StdEncoding.DecodeString(squeeze(tags["bh"]))
	if err != nil || subtle.ConstantTimeCompare(want, bodySum[:]) != 1 {
		return errors.New("the body was changed")
	}
	h := sha256.New()
	taken := map[string]int{}
	for _, name := range headers {
		if f := k.mail.fromBelow(name, taken[name]); f != nil {
			taken[name]++
			h.Write([]byte(canonField(f.raw, canonicalHeader)))
		}
	}
	h.Write([]byte(strings.TrimRight(canonField(unsigned(s.signature.raw), canonicalHeader), "\r\n")))
	return k.verify(tags, h.Sum(nil))
}

// fromBelow is the field of this name, counted from the last one (RFC 6376 section 5.4.2).
func (m *message) fromBelow(name string, skip int) *field {
	for i := len(m.fields) - 1; i >= 0; i-- {
		if m.fields[i].name != name {
			continue
		}
		if skip == 0 {
			return &m.fields[i]
		}
		skip--
	}
	return nil
}

// verifySeal verifies the ARC-Seal of the set i: all sets up to it, relaxed, without its own value (RFC 8617 section
// 5.1.1).
func (k *check) verifySeal(sets []*set, i int) error {
	if sets[i].sealed["h"] != "" {
		return errors.New("it names fields") // RFC 8617 section 4.1.3
	}
	h := sha256.New()
	for n, s := range sets[:i+1] {
		h.Write([]byte(canonField(s.results.raw, relaxed)))
		h.Write([]byte(canonField(s.signature.raw, relaxed)))
		if n < i {
			h.Write([]byte(canonField(s.seal.raw, relaxed)))
		} else {
			h.Write([]byte(strings.TrimRight(canonField(unsigned(s.seal.raw), relaxed), "\r\n")))
		}
	}
	return k.verify(sets[i].sealed, h.Sum(nil))
}

// verify verifies a signature by the key that its tags name.
func (k *check) verify(tags map[string]string, sum []byte) error {
	sig, err := base64.StdEncoding.DecodeString(squeeze(tags["b"]))
	if err != nil || len(sig) == 0 {
		return errors.New("it can't be read")
	}
	domain, selector := squeeze(tags["d"]), squeeze(tags["s"])
	if domain == "" || selector == "" {
		return errors.New("it names no key")
	}
	txts, err := k.lookup(selector + "._domainkey." + domain)
	if err != nil {
		return err
	}
	if len(txts) != 1 {
		return errors.New("its key is not there, or not alone")
	}
	key := tagsOf(txts[0])
	public, err := base64.StdEncoding.DecodeString(squeeze(key["p"]))
	if key == nil || err != nil || len(public) == 0 || key["v"] != "" && key["v"] != "DKIM1" {
		return errors.New("its key was taken back, or can't be read")
	}
	switch algorithm := squeeze(tags["a"]); {
	case algorithm == "rsa-sha256" && (key["k"] == "" || key["k"] == "rsa"):
		return verifyRSA(public, sum, sig)
	case algorithm == "ed25519-sha256" && key["k"] == "ed25519":
		if len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, sum, sig) {
			return errors.New("it is of something else")
		}
		return nil
	}
	return errors.New("its algorithm is not one that is believed")
}

func verifyRSA(public, sum, sig []byte) error {
	var key any
	key, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		key, err = x509.ParsePKCS1PublicKey(public)
	}
	k, ok := key.(*rsa.PublicKey)
	if err != nil || !ok {
		return errors.New("its key can't be read")
	}
	if k.Size()*8 < 1024 {
		return errors.New("its key is too short") // RFC 8301 section 3.2
	}
	if rsa.VerifyPKCS1v15(k, crypto.SHA256, sum, sig) != nil {
		return errors.New("it is of something else")
	}
	return nil
}

const relaxed = "relaxed"

// canonField is a field in canonical form (RFC 6376 section 3.4), with its line break.
func canonField(raw, how string) string {
	raw = crlf(raw)
	if how != relaxed {
		return raw
	}
	name, value, _ := strings.Cut(raw, ":")
	words := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' })
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.Join(words, " ") + "\r\n"
}

// blanks are runs of them.
var blanks = regexp.MustCompile(`[ \t]+`)

// canonBody is a body in canonical form.
func canonBody(body []byte, how string) []byte {
	if how == relaxed {
		lines := strings.Split(string(body), "\r\n")
		for i, l := range lines {
			lines[i] = strings.TrimRight(blanks.ReplaceAllString(l, " "), " ")
		}
		body = []byte(strings.Join(lines, "\r\n"))
	}
	body = []byte(strings.TrimRight(string(body), "\r\n"))
	if how == relaxed && len(body) == 0 {
		return nil
	}
	return append(body, "\r\n"...)
}

// signatureValue is the b= of a signature, up to the next tag.
var signatureValue = regexp.MustCompile(`([;:]\s*b\s*=)[^;]*`)

// unsigned is a signature's field without its value.
func unsigned(raw string) string { return signatureValue.ReplaceAllString(raw, "$1") }

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, s)
}
