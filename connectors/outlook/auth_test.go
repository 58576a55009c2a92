package outlook

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/syncd/calendar"
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/conntest"
	"example.com/syncd/internal/fakegraph"
)

// files are what the configuration names.
type files map[string][]byte

// with makes a connector with these files, and with what users granted.
func with(t testing.TB, cfg Config, rt http.RoundTripper, has files, kept connectors.Secrets) connectors.Connector {
	t.Helper()
	if cfg.Tenant == "" {
		cfg.Tenant = "acme.co.uk"
	}
	if cfg.ClientID == "" {
		cfg.ClientID = fakegraph.ClientID
	}
	cfg.Cloud = cloudGlobal
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	c, err := cfg.Open(connectors.Env{
		Account: "people", HTTP: rt, Now: now, Log: slog.New(slog.DiscardHandler), Secrets: kept,
		ReadFile: func(name string) ([]byte, error) {
			if has[name] == nil {
				return nil, fs.ErrNotExist
			}
			return has[name], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// key is an RSA key with a certificate.
type key struct {
	*rsa.PrivateKey
	der []byte
}

func newKey(t *testing.T) key {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return key{k, der}
}

func (k key) pem() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.PrivateKey)
	if err != nil {
		panic(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.der})...)
}

// issue is a token of another issuer's, as a cluster has them.
func (k key) issue(t *testing.T, subject string) []byte {
	t.Helper()
	part := func(v map[string]any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]any{"alg": "RS256"}) + "." + part(map[string]any{
		"iss": "https://cluster.example", "sub": subject, "aud": "api://AzureADTokenExchange", "exp": conntest.Now.Add(time.Hour).Unix(),
	})
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.PrivateKey, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return []byte(signed + "." + base64.RawURLEncoding.EncodeToString(signature) + "\n")
}

// TestProofs: the application proves itself by each of its credentials, and what is wrong with them is said with what to
// do, without a word of what is in the files.
func TestProofs(t *testing.T) {
	mine, others := newKey(t), newKey(t)
	secret, certificate, token := Config{ClientSecretFile: "f"}, Config{CertificateFile: "f"}, Config{FederatedTokenFile: "f"}
	another := secret
	another.ClientID = "99999999-0000-4000-8000-000000000000"
	for _, test := range []struct {
		about string
		cfg   Config
		file  []byte
		set   func(*fakegraph.Tenant, *fakegraph.App)
		want  string // "": eve's calendar can be read
	}{
		{"secret", secret, []byte(fakegraph.ClientSecret + "\n"), nil, ""},
		{"certificate", certificate, mine.pem(), nil, ""},
		{"federated", token, mine.issue(t, "system:serviceaccount:syncd"), nil, ""},
		{"no file", secret, nil, nil, "client_secret_file can't be read"},
		{"wrong secret", secret, []byte("s3cret"), nil, "client_secret_file has another value than the app registration"},
		{"expired secret", secret, []byte(fakegraph.ClientSecret), func(_ *fakegraph.Tenant, a *fakegraph.App) { a.SecretExpired = true }, "the secret has expired: make a new one"},
		{"another certificate", certificate, others.pem(), nil, "upload the certificate in certificate_file"},
		{"no certificate", certificate, []byte("s3cret"), nil, "certificate_file f must have a certificate and its RSA private key"},
		{"another issuer", token, others.issue(t, "system:serviceaccount:syncd"), nil, "federated_token_file"},
		{"another subject", token, mine.issue(t, "system:serviceaccount:other"), nil, "federated credential is of another subject"},
		{"unknown application", another, []byte("s3cret"), nil, "the tenant does not know client_id"},
		{"unknown tenant", secret, []byte(fakegraph.ClientSecret), func(tn *fakegraph.Tenant, _ *fakegraph.App) { tn.Names = []string{"globex.com"} }, "there is no such tenant: check tenant, and cloud"},
		{
			"no consent", secret, []byte(fakegraph.ClientSecret), func(_ *fakegraph.Tenant, a *fakegraph.App) { a.Roles = nil },
			"https://login.microsoftonline.com/acme.co.uk/adminconsent?client_id=" + fakegraph.ClientID,
		},
	} {
		tn := tenant()
		app := fakegraph.App{
			ID: fakegraph.ClientID, Secret: fakegraph.ClientSecret, Roles: []string{"Calendars.Read", "User.Read.All"},
			Certificates: []fakegraph.Certificate{{DER: mine.der, Key: &mine.PublicKey}},
			Federated:    []fakegraph.Federated{{Issuer: "https://cluster.example", Subject: "system:serviceaccount:syncd", Key: &mine.PublicKey}},
		}
		if test.set != nil {
			test.set(tn, &app)
		}
		tn.SetApp(app)
		_, err := with(t, test.cfg, tn, files{"f": test.file}, nil).Pull(t.Context(), source(eve), "", conntest.Horizon)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.about, err)
			}
			continue
		}
		if !errors.Is(err, connectors.ErrAccess) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.about, err, test.want)
		}
		for _, never := range []string{"s3cret", fakegraph.ClientSecret, "Trace ID", "eyJ", "BEGIN"} {
			if err != nil && strings.Contains(err.Error(), never) {
				t.Errorf("%s: %v says %s", test.about, err, never)
			}
		}
	}
}

// TestOneToken: however many calendars are read at once, the application asks for one token.
func TestOneToken(t *testing.T) {
	c := &tokens{RoundTripper: tenant()}
	conn := with(t, Config{ClientSecretFile: "f"}, c, files{"f": []byte(fakegraph.ClientSecret)}, nil)
	var wg sync.WaitGroup
	for _, u := range []string{eve, "finn@acme.co.uk", "room1@acme.co.uk", eve} {
		wg.Go(func() {
			if _, err := conn.Pull(t.Context(), source(u), "", conntest.Horizon); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c.asked != 1 {
		t.Errorf("%d tokens", c.asked)
	}
}

// tokens counts requests for tokens.
type tokens struct {
	http.RoundTripper
	mu    sync.Mutex
	asked int
}

func (c *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		c.mu.Lock()
		c.asked++
		c.mu.Unlock()
	}
	return c.RoundTripper.RoundTrip(r)
}

// TestEndpoint: a simulated tenant's address takes the place of all of Microsoft's.
func TestEndpoint(t *testing.T) {
	tn := tenant()
	for i := range 9 {
		harness{tn}.Put(conntest.Meeting{UID: string(rune('a' + i)), Start: calendar.At(conntest.Now.Add(time.Duration(i) * time.Hour)), Length: time.Hour, Title: "Meeting"})
	}
	srv := httptest.NewServer(tn)
	defer srv.Close()
	cfg := Config{ClientSecretFile: "f", Endpoint: srv.URL, pageSize: 4}
	conn := with(t, cfg, srv.Client().Transport, files{"f": []byte(fakegraph.ClientSecret)}, nil)
	if s, err := conn.Sources(t.Context(), nil); err != nil || len(s) != 4 {
		t.Errorf("%v, %v", s, err)
	}
	if _, events := conntest.CatchUp(t, conn, source(eve), "", conntest.Horizon); len(events) != 9 {
		t.Errorf("%d events", len(events))
	}
	if !slices.ContainsFunc(tn.Journal(), func(e fakegraph.Entry) bool { return strings.HasSuffix(e.Path, "/delta()") }) {
		t.Error("nobody asked the server")
	}
}

// TestOtherCloud: a cloud without a name here is given by its addresses.
func TestOtherCloud(t *testing.T) {
	hosts := map[string]bool{}
	tn := tenant()
	rt := through(func(r *http.Request) (*http.Response, error) { hosts[r.URL.Host] = true; return tn.RoundTrip(r) })
	conn := with(t, Config{ClientSecretFile: "f", LoginURL: "https://login.example", GraphURL: "https://graph.example"}, rt, files{"f": []byte(fakegraph.ClientSecret)}, nil)
	if _, err := conn.Pull(t.Context(), source(eve), "", conntest.Horizon); err != nil || len(hosts) != 2 || !hosts["login.example"] || !hosts["graph.example"] {
		t.Errorf("asked %v: %v", hosts, err)
	}
}
