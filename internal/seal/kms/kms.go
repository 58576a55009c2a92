// Package kms has the keys of key management services that wrap keysets: of Google's Cloud KMS, of AWS KMS, and of
// the transit engine of a HashiCorp Vault. It is a package of its own so that the store's users need not link three
// vendors' clients.
package kms

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/api/option"

	"example.com/syncd/internal/seal"
)

// wait is how long a service may take to answer, with all that its client tries in between.
const wait = 10 * time.Second

// A Key is a key in a service, a seal.Wrapper. A client is made for each call, which are few: credentials that were
// replaced meanwhile are the ones that count. Errors are *Error.
type Key struct {
	uri     string
	service *service
	google  []option.ClientOption // for tests
}

// A service is what is told apart of the three.
type service struct {
	scheme string
	dial   func(context.Context, *Key) (tink.AEADWithContext, error)
	why    func(error) reason
	// credentials says where they are looked for.
	credentials string
}

// services are those that a URI can name.
func services() []service {
	return []service{
		{"gcp-kms://", dialGoogle, whyGoogle,
			"Application Default Credentials: the file that GOOGLE_APPLICATION_CREDENTIALS names, or the machine's service account"},
		{"aws-kms://", dialAWS, whyAWS, "AWS's usual chain: the environment (AWS_ACCESS_KEY_ID and so on), ~/.aws, or the role of the machine"},
		{"hcvault://", dialVault, whyVault, "VAULT_TOKEN, or the file ~/.vault-token"},
	}
}

// New is the key at a URI of seal.WrapperForm. Nothing is asked yet.
func New(uri string) (*Key, error) {
	for _, s := range services() {
		if strings.HasPrefix(uri, s.scheme) && seal.WrapperForm.MatchString(uri) {
			return &Key{uri: uri, service: &s}, nil
		}
	}
	return nil, fmt.Errorf("a KMS key is named by a URI such as %s, not by %q", seal.WrapperWords, uri)
}

// String is the key's URI.
func (k *Key) String() string { return k.uri }

// EncryptWithContext has the service encrypt plain as what of says.
func (k *Key) EncryptWithContext(ctx context.Context, plain, of []byte) ([]byte, error) {
	return k.call(ctx, wraps, func(ctx context.Context, a tink.AEADWithContext) ([]byte, error) {
		return a.EncryptWithContext(ctx, plain, of)
	})
}

// DecryptWithContext has the service decrypt what EncryptWithContext has returned for the same of.
func (k *Key) DecryptWithContext(ctx context.Context, sealed, of []byte) ([]byte, error) {
	return k.call(ctx, unwraps, func(ctx context.Context, a tink.AEADWithContext) ([]byte, error) {
		return a.DecryptWithContext(ctx, sealed, of)
	})
}

func (k *Key) call(ctx context.Context, what act, f func(context.Context, tink.AEADWithContext) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	a, err := k.service.dial(ctx, k)
	if err != nil {
		return nil, &Error{k, what, noCredentials, err}
	}
	b, err := f(ctx, a)
	if err != nil {
		return nil, &Error{k, what, k.service.why(err), err}
	}
	return b, nil
}
