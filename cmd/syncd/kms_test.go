package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/syncd/internal/fakekms"
)

// TestKeysetKMS: a file of keys is made, wrapped, rotated and used with a key of a Vault. A Vault that does not answer
// is said with the setting; no token and no key is printed, whatever happens.
func TestKeysetKMS(t *testing.T) {
	const token = "hvs.aTokenThatNobodySees"
	service := &fakekms.Service{Token: token}
	vault := httptest.NewUnstartedServer(service)
	vault.Config.ErrorLog = log.New(io.Discard, "", 0)
	vault.StartTLS()
	defer vault.Close()
	p, dir := newProvider(), t.TempDir()
	defer p.Close()
	uri := "hcvault://" + strings.TrimPrefix(vault.URL, "https://") + "/transit/keys/syncd"
	file := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: vault.Certificate().Raw})))
	t.Setenv("VAULT_CACERT", file("ca.pem"))
	t.Setenv("VAULT_TOKEN", token)
	t.Setenv("VAULT_MAX_RETRIES", "0")
	put("client.json", string(p.client()))
	put("policy.yaml", "import: {google: {enabled: true}}\n")
	connection := "connections: [{name: people, google: {oauth_client_file: client.json}}]\n"
	put("open.yaml", "keyset_file: keys.json\n"+connection)
	put("syncd.yaml", "keyset_file: keys.json\nkeyset_kms: "+uri+"\n"+connection)
	put("nofile.yaml", "keyset_kms: "+uri+"\n"+connection)
	put("gone.yaml", "keyset_file: keys.json\nkeyset_kms: hcvault://127.0.0.1:1/transit/keys/syncd\n"+connection)

	for _, c := range []struct {
		about string
		fault fakekms.Fault
		args  []string
		code  int
		want  string
	}{
		{"made in the clear", fakekms.None, []string{"keys", "new", file("keys.json")}, exitOK, "name it in keyset_file, and keep"},
		{"not wrapped yet", fakekms.None, []string{"check", "--config", file("syncd.yaml")}, exitUsage, "keyset_file: " + file("keys.json") + " is not wrapped"},
		{"no key of a KMS", fakekms.None, []string{"keys", "wrap", "--kms", "vault", file("keys.json")}, exitUsage, "--kms: a KMS key is named by a URI such as"},
		{"no key named", fakekms.None, []string{"keys", "wrap", file("keys.json")}, exitUsage, "--kms"},
		{"wrapped, while Vault is down", fakekms.Down, []string{"keys", "wrap", "--kms", uri, file("keys.json")}, exitFailed, "does not answer"},
		{"wrapped", fakekms.None, []string{"keys", "wrap", "--kms", uri, file("keys.json")}, exitOK, "name " + uri + " in keyset_kms"},
		{"no KMS configured", fakekms.None, []string{"check", "--config", file("open.yaml")}, exitUsage, "keyset_file: " + file("keys.json") + " is wrapped: name the KMS key"},
		{"no file configured", fakekms.None, []string{"check", "--config", file("nofile.yaml")}, exitUsage, "keyset_kms: there are no keys that it could have wrapped"},
		{"used", fakekms.None, []string{"check", "--config", file("syncd.yaml")}, exitFailed, "nobody has consented yet"},
		{"rotated without its key", fakekms.None, []string{"keys", "rotate", file("keys.json")}, exitFailed, "by --kms"},
		{"rotated", fakekms.None, []string{"keys", "rotate", "--kms", uri, file("keys.json")}, exitOK, "has a new key"},
		{"used again", fakekms.None, []string{"check", "--config", file("syncd.yaml")}, exitFailed, "nobody has consented yet"},
		{"Vault is sealed", fakekms.Down, []string{"run", "--config", file("syncd.yaml")}, exitUsage, "keyset_kms: " + file("keys.json") + ": " + uri + " does not answer"},
		{"nobody is there", fakekms.None, []string{"run", "--config", file("gone.yaml")}, exitUsage, "keyset_kms: " + file("keys.json") + ": hcvault://127.0.0.1:1/transit/keys/syncd does not answer"},
		{"not allowed", fakekms.Denied, []string{"run", "--config", file("syncd.yaml")}, exitUsage, "let them decrypt with this key (they come from VAULT_TOKEN"},
		{"something else comes out", fakekms.Garbage, []string{"run", "--config", file("syncd.yaml")}, exitUsage, "is no keyset"},
		{"made wrapped", fakekms.None, []string{"keys", "new", "--kms", uri, file("second.json")}, exitOK, "name it in keyset_file, and " + uri + " in keyset_kms"},
		{"handed on", fakekms.None, []string{"keys", "wrap", "--from", uri, "--kms", uri + "2", file("second.json")}, exitOK, "is wrapped"},
		{"handed on from another", fakekms.None, []string{"keys", "wrap", "--from", uri, "--kms", uri, file("second.json")}, exitFailed, "name the key that has wrapped it"},
	} {
		service.Set(c.fault)
		var out bytes.Buffer
		code := run(t.Context(), c.args, streams{strings.NewReader(""), &out, &out})
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: exit status %d, want %d, and %q:\n%s", c.about, code, c.code, c.want, &out)
		}
		for _, secret := range []string{token, "keyData", "AIza"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %q is printed:\n%s", c.about, secret, &out)
			}
		}
	}
	service.Set(fakekms.None)
	text, err := os.ReadFile(file("keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(keysetVariable, string(text)) // the file's text is as good as the file
	var out bytes.Buffer
	if code := run(t.Context(), []string{"check", "--config", file("nofile.yaml")}, streams{strings.NewReader(""), &out, &out}); code != exitFailed || !strings.Contains(out.String(), "nobody has consented yet") {
		t.Errorf("in the environment: exit status %d:\n%s", code, &out)
	}
}
