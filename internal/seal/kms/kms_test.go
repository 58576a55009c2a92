package kms

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/option"

	"example.com/syncd/internal/fakekms"
	"example.com/syncd/internal/seal"
)

const token = "hvs.aTokenThatNobodySees"

// uris has, for each service, a key, another one, and one that is not there; HOST is the Vault's.
var uris = map[string][3]string{
	"google": {"gcp-kms://projects/p/locations/eu/keyRings/r/cryptoKeys/syncd", "gcp-kms://projects/p/locations/eu/keyRings/r/cryptoKeys/other", "gcp-kms://projects/p/locations/eu/keyRings/r/cryptoKeys/missing"},
	"aws":    {"aws-kms://arn:aws:kms:eu-central-1:123456789012:key/syncd", "aws-kms://arn:aws:kms:eu-central-1:123456789012:alias/other", "aws-kms://arn:aws:kms:eu-central-1:123456789012:key/missing"},
	"vault":  {"hcvault://HOST/transit/keys/syncd", "hcvault://HOST/transit/keys/other", "hcvault://HOST/transit/keys/missing"},
}

// A site is a service, and the machine's environment in which it is found.
type site struct {
	*fakekms.Service
	host string // the Vault's
	url  string // the others'
	stop func()
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Service: &fakekms.Service{Token: token}}
	overTLS, plain := httptest.NewTLSServer(s), httptest.NewServer(s)
	s.stop = func() { overTLS.Close(); plain.Close() }
	t.Cleanup(s.stop)
	s.host, s.url = strings.TrimPrefix(overTLS.URL, "https://"), plain.URL
	home := t.TempDir()
	ca := write(t, home, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: overTLS.Certificate().Raw}))
	for name, value := range map[string]string{
		"HOME": home, "USERPROFILE": home,
		"VAULT_CACERT": ca, "VAULT_TOKEN": token, "VAULT_MAX_RETRIES": "0", "VAULT_ADDR": "https://elsewhere.example", "VAULT_AGENT_ADDR": "http://elsewhere.example",
		"AWS_ENDPOINT_URL_KMS": plain.URL, "AWS_ACCESS_KEY_ID": token, "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "", "AWS_MAX_ATTEMPTS": "1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "", "AWS_CONFIG_FILE": filepath.Join(home, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(home, "none"),
		"GOOGLE_APPLICATION_CREDENTIALS": write(t, home, "google.json", account(t, plain.URL+"/token")),
	} {
		t.Setenv(name, value)
	}
	return s
}

func write(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// account is a service account's file, as Google hands it out.
func account(t *testing.T, tokenURI string) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": "syncd@p.iam.gserviceaccount.com", "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokenURI,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *site) key(t *testing.T, uri string) *Key {
	t.Helper()
	k, err := New(strings.Replace(uri, "HOST", s.host, 1))
	if err != nil {
		t.Fatal(err)
	}
	k.google = []option.ClientOption{option.WithEndpoint(s.url + "/")}
	return k
}

// TestServices: each service's key opens what it has wrapped, for the same use alone, and whatever goes wrong is said
// with what to do.
func TestServices(t *testing.T) {
	for name, uri := range uris {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			key, other, absent := s.key(t, uri[0]), s.key(t, uri[1]), s.key(t, uri[2])
			const plain, of = "the keyset's key data", "syncd keyset"
			sealed, err := key.EncryptWithContext(t.Context(), []byte(plain), []byte(of))
			if err != nil || strings.Contains(string(sealed), plain) {
				t.Fatalf("wrapped: %q, %v", sealed, err)
			}
			decrypt := func(k *Key, b []byte, of string) func() ([]byte, error) {
				return func() ([]byte, error) { return k.DecryptWithContext(t.Context(), b, []byte(of)) }
			}
			encrypt := func() ([]byte, error) { return key.EncryptWithContext(t.Context(), []byte(plain), []byte(of)) }
			changed := slices.Delete(slices.Clone(sealed), len(sealed)/2, len(sealed)/2+4) // four: what is left of base64 is some, too
			for _, c := range []struct {
				about string
				fault fakekms.Fault
				do    func() ([]byte, error)
				want  string // of the error; "": it is done
				cause reason
			}{
				{"as it was", fakekms.None, decrypt(key, sealed, of), "", 0},
				{"another key", fakekms.None, decrypt(other, sealed, of), "has not wrapped this keyset", unfit},
				{"for another use", fakekms.None, decrypt(key, sealed, "backup"), "name the key that has wrapped it", unfit},
				{"changed", fakekms.None, decrypt(key, changed, of), "or the keyset was changed", unfit},
				{"no such key", fakekms.None, decrypt(absent, sealed, of), "name a key that there is", missing},
				{"not allowed", fakekms.Denied, decrypt(key, sealed, of), "let them decrypt with this key", refused},
				{"not allowed to wrap", fakekms.Denied, encrypt, "let them encrypt with this key", refused},
				{"the service is down", fakekms.Down, decrypt(key, sealed, of), "this machine reaches it", unreachable},
				{"a proxy's page", fakekms.Page, decrypt(key, sealed, of), "does not answer", unreachable},
				{"the key is disabled", fakekms.Disabled, encrypt, "see to it that the key is enabled", failed},
			} {
				s.Set(c.fault)
				b, err := c.do()
				var e *Error
				switch {
				case c.want == "":
					if err != nil || string(b) != plain {
						t.Errorf("%s: %q, %v", c.about, b, err)
					}
				case !errors.As(err, &e) || e.reason != c.cause || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), e.key.uri):
					t.Errorf("%s: %q, %v", c.about, b, err)
				default:
					quiet(t, c.about, err)
				}
			}
			s.Set(fakekms.None)
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := key.DecryptWithContext(gone, sealed, []byte(of)); !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
			s.stop()
			_, err = key.DecryptWithContext(t.Context(), sealed, []byte(of))
			var e *Error
			if !errors.As(err, &e) || e.reason != unreachable || !strings.Contains(err.Error(), "this machine reaches it") {
				t.Errorf("nobody is there: %v", err)
			}
			quiet(t, "nobody is there", err)
		})
	}
}

// quiet: an error is one line of some length, without secrets.
func quiet(t *testing.T, about string, err error) {
	t.Helper()
	for _, secret := range []string{token, "key data", "PRIVATE", "\n"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has %q: %v", about, secret, err)
		}
	}
	if len(err.Error()) > 900 {
		t.Errorf("%s: an error of %d bytes", about, len(err.Error()))
	}
}

// TestChecksums: what Cloud KMS sends is compared with its checksum, both ways.
func TestChecksums(t *testing.T) {
	s := newSite(t)
	key := s.key(t, uris["google"][0])
	sealed, err := key.EncryptWithContext(t.Context(), []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Set(fakekms.Corrupted)
	if _, err := key.EncryptWithContext(t.Context(), []byte("x"), nil); !errors.Is(err, errTransit) {
		t.Errorf("encrypted: %v", err)
	}
	if b, err := key.DecryptWithContext(t.Context(), sealed, nil); !errors.Is(err, errTransit) {
		t.Errorf("decrypted: %q, %v", b, err)
	}
}

// TestCredentials: without any, the error says where they are looked for. Those that are replaced count at once.
func TestCredentials(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		unset []string
		want  string
	}{
		"google": {[]string{"GOOGLE_APPLICATION_CREDENTIALS"}, "GOOGLE_APPLICATION_CREDENTIALS"},
		"aws":    {[]string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, "AWS_ACCESS_KEY_ID"},
		"vault":  {[]string{"VAULT_TOKEN"}, "~/.vault-token"},
	} {
		t.Run(name, func(t *testing.T) {
			key := s.key(t, uris[name][0])
			for _, v := range c.unset {
				t.Setenv(v, "")
			}
			if name == "google" { // without the variable it would ask the network whether this is Google's machine
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
			}
			_, err := key.EncryptWithContext(t.Context(), []byte("x"), nil)
			var e *Error
			if !errors.As(err, &e) || e.reason != noCredentials || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	home := os.Getenv("HOME")
	t.Setenv("VAULT_TOKEN", "")
	key := s.key(t, uris["vault"][0])
	write(t, home, ".vault-token", []byte("an old one\n"))
	_, err := key.EncryptWithContext(t.Context(), []byte("x"), nil)
	var e *Error
	if !errors.As(err, &e) || e.reason != refused {
		t.Errorf("with an old token: %v", err)
	}
	write(t, home, ".vault-token", []byte(token+"\n"))
	if _, err := key.EncryptWithContext(t.Context(), []byte("x"), nil); err != nil {
		t.Errorf("with the agent's token: %v", err)
	}
}

// TestURIs: what is no key's URI is refused before anybody is asked.
func TestURIs(t *testing.T) {
	for _, uri := range []string{
		"", "syncd", "gcp-kms://", "gcp-kms://projects/p/locations/l/keyRings/r", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
		"aws-kms://alias/syncd", "aws-kms://arn:aws:s3:eu-central-1:1:key/x", "hcvault://vault.acme.com:8200/syncd", "hcvault://vault.acme.com/keys/syncd",
		"hcvault://root:secret@vault.acme.com/transit/keys/syncd", "hcvault://vault.acme.com/transit/keys/syncd?x", "https://vault.acme.com/transit/keys/syncd",
		"HCVAULT://vault.acme.com/transit/keys/syncd", " hcvault://vault.acme.com/transit/keys/syncd",
	} {
		if _, err := New(uri); err == nil || !strings.Contains(err.Error(), "named by a URI such as gcp-kms://") {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for _, uri := range []string{
		"gcp-kms://projects/acme.com:p/locations/europe-west3/keyRings/r/cryptoKeys/k", "aws-kms://arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1",
		"aws-kms://arn:aws:kms:eu-central-1:123456789012:alias/a/b", "hcvault://vault.acme.com/team/transit/keys/syncd", "hcvault://[::1]:8200/transit/keys/syncd",
	} {
		k, err := New(uri)
		if err != nil || k.String() != uri {
			t.Errorf("%q: %v, %v", uri, k, err)
		}
	}
}

// TestKeyset: a file of keys goes through each service and back; one that opens to something else repeats nothing.
func TestKeyset(t *testing.T) {
	for name, uri := range uris {
		t.Run(name, func(t *testing.T) {
			s, ctx := newSite(t), t.Context()
			file, by := filepath.Join(t.TempDir(), "keys.json"), s.key(t, uri[0])
			if err := seal.New(ctx, file, by); err != nil {
				t.Fatal(err)
			}
			keys := func(by *Key) *seal.Keys { return seal.File(file).Wrapped(by, nil, nil) }
			b, err := keys(by).Seal(ctx, []byte("a token"), "x")
			if err != nil {
				t.Fatal(err)
			}
			if err := seal.Rotate(ctx, file, by); err != nil {
				t.Fatal(err)
			}
			if err := seal.Wrap(ctx, file, by, s.key(t, uri[1])); err != nil {
				t.Fatal(err)
			}
			if plain, err := keys(s.key(t, uri[1])).Open(ctx, b, "x"); err != nil || string(plain) != "a token" {
				t.Errorf("%q, %v", plain, err)
			}
			if err := keys(by).Check(ctx); err == nil || !strings.Contains(err.Error(), "has not wrapped this keyset") {
				t.Errorf("the key before: %v", err)
			}
			s.Set(fakekms.Garbage)
			if err := keys(s.key(t, uri[1])).Check(ctx); err == nil || !strings.Contains(err.Error(), "is no keyset") || strings.Contains(err.Error(), "AIza") {
				t.Errorf("something else: %v", err)
			}
		})
	}
}

var _ seal.Wrapper = (*Key)(nil)
