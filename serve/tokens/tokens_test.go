package tokens

import (
	"strings"
	"testing"
	"time"
)

func TestToken(t *testing.T) {
	id, text := Generate()
	if other, _ := Generate(); other == id {
		t.Error("two tokens have one id")
	}
	if got, ok := ID(text); !ok || got != id || strings.Contains(id, "_") {
		t.Errorf("the id of %s is %q, %v", text, got, ok)
	}
	token := Token{ID: id, Hash: Hash(text)}
	if !token.Is(Hash(text)) || token.Is(Hash(text+"A")) || token.Is(nil) || (Token{}).Is(Hash("")) {
		t.Error("a token is not told from others")
	}
	secret := strings.TrimPrefix(text, "syncd_"+id+"_")
	for _, bad := range []string{
		"", "syncd_", "syncd__" + secret, "syncd_" + id, "syncd_" + id + "_", "SYNCD_" + id + "_" + secret, id + "_" + secret,
		"syncd_" + id + "_" + secret + "A", "syncd_" + id + "_" + secret[1:], "syncd_" + id + "_" + secret + "=", "syncd_" + id + "_" + "+" + secret[1:],
		"syncd_" + strings.Repeat("a", 33) + "_" + secret, " " + text,
	} {
		if _, ok := ID(bad); ok {
			t.Errorf("%q passes for a token", bad)
		}
	}
}

func TestLive(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		about string
		token Token
		want  bool
	}{
		{"without an end", Token{}, true},
		{"before its end", Token{Until: now.Add(time.Second)}, true},
		{"at its end", Token{Until: now}, false},
		{"behind its end", Token{Until: now.Add(-time.Second)}, false},
		{"revoked", Token{RevokedAt: now.Add(-time.Second)}, false},
		{"revoked by another clock", Token{RevokedAt: now.Add(time.Hour)}, false},
	} {
		if got := c.token.Live(now); got != c.want {
			t.Errorf("%s: %v", c.about, got)
		}
	}
}

func TestScopes(t *testing.T) {
	got, err := ParseScopes("read, signals,read")
	if err != nil || got.String() != "read,signals" || !got.Has(Read) || got.Has(Admin) || got.Has(Deliveries) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "reads", "read,", "read,,signals"} {
		if got, err := ParseScopes(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
	for _, s := range All() {
		if !(Scopes{Admin}).Has(s) || (Scopes{}).Has(s) || s.Opens() == "" {
			t.Errorf("scope %s", s)
		}
	}
}
