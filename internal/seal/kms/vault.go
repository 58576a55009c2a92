package kms

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// dialVault makes a client of the Vault that the URI names, as the environment says (VAULT_CACERT, VAULT_NAMESPACE
// and so on; see https://developer.hashicorp.com/vault/docs/commands#environment-variables), but for the address.
func dialVault(ctx context.Context, k *Key) (tink.AEADWithContext, error) {
	u, err := url.Parse(k.uri)
	if err != nil {
		return nil, err
	}
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, cfg.Error
	}
	cfg.Address, cfg.AgentAddress = "https://"+u.Host, ""
	if end, ok := ctx.Deadline(); ok {
		cfg.Timeout = min(cfg.Timeout, time.Until(end)) // Tink's calls take no context
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	if client.Token() == "" {
		token, err := tokenFile()
		if err != nil {
			return nil, err
		}
		client.SetToken(token)
	}
	a, err := hcvault.NewAEAD(u.EscapedPath(), client.Logical())
	if err != nil {
		return nil, err
	}
	return vaultKey{a}, nil
}

// tokenFile is the token that vault login, or an agent, has left in the home directory.
func tokenFile() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("VAULT_TOKEN is not set, and there is no home directory")
	}
	b, err := os.ReadFile(filepath.Join(home, ".vault-token"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("VAULT_TOKEN is not set, and there is no ~/.vault-token")
	}
	return strings.TrimSpace(string(b)), err
}

// vaultKey gives Tink's key a context, which is looked at before a call alone: dialVault sees to the call's end.
type vaultKey struct{ a tink.AEAD }

func (v vaultKey) EncryptWithContext(ctx context.Context, plain, of []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return v.a.Encrypt(plain, of)
}

func (v vaultKey) DecryptWithContext(ctx context.Context, sealed, of []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return v.a.Decrypt(sealed, of)
}

// whyVault reads an error of the client. It answers 400 to what another key has encrypted, and 403 to whoever asks
// for a key that is not there, unless they may see all.
func whyVault(err error) reason {
	var e *api.ResponseError
	switch {
	case !errors.As(err, &e):
		return unreachable
	case e.StatusCode == 400 && strings.Contains(e.Error(), "/decrypt/"):
		return unfit
	}
	return whyStatus(e.StatusCode)
}
