package kms

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/oauth2"
	"google.golang.org/api/cloudkms/v1"
	"google.golang.org/api/googleapi"
)

// googleKey is a key of Google's Cloud KMS, by its REST API. Tink's own module for it (tink-go-gcpkms v2.4) does the
// same by ten modules more, and its tests need a package that newer google.golang.org/genproto has no more: with it,
// go mod tidy fails.
type googleKey struct {
	name string
	keys *cloudkms.ProjectsLocationsKeyRingsCryptoKeysService
}

func dialGoogle(ctx context.Context, k *Key) (tink.AEADWithContext, error) {
	s, err := cloudkms.NewService(ctx, k.google...)
	if err != nil {
		return nil, err
	}
	return &googleKey{strings.TrimPrefix(k.uri, k.service.scheme), s.Projects.Locations.KeyRings.CryptoKeys}, nil
}

// errTransit says that what the service has received, or has sent, arrived as something else.
var errTransit = errors.New("the checksum says that something was changed on its way; try again")

// EncryptWithContext checks what
// https://cloud.google.com/kms/docs/data-integrity-guidelines asks to be checked.
func (g *googleKey) EncryptWithContext(ctx context.Context, plain, of []byte) ([]byte, error) {
	resp, err := g.keys.Encrypt(g.name, &cloudkms.EncryptRequest{
		Plaintext: base64.StdEncoding.EncodeToString(plain), PlaintextCrc32c: sum(plain),
		AdditionalAuthenticatedData: base64.StdEncoding.EncodeToString(of), AdditionalAuthenticatedDataCrc32c: sum(of),
		ForceSendFields: []string{"PlaintextCrc32c", "AdditionalAuthenticatedDataCrc32c"}, // where they are 0, too
	}).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(resp.Ciphertext)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if !resp.VerifiedPlaintextCrc32c || !resp.VerifiedAdditionalAuthenticatedDataCrc32c || resp.CiphertextCrc32c != sum(b) {
		return nil, errTransit
	}
	return b, nil
}

func (g *googleKey) DecryptWithContext(ctx context.Context, sealed, of []byte) ([]byte, error) {
	resp, err := g.keys.Decrypt(g.name, &cloudkms.DecryptRequest{
		Ciphertext: base64.StdEncoding.EncodeToString(sealed), CiphertextCrc32c: sum(sealed),
		AdditionalAuthenticatedData: base64.StdEncoding.EncodeToString(of), AdditionalAuthenticatedDataCrc32c: sum(of),
		ForceSendFields: []string{"CiphertextCrc32c", "AdditionalAuthenticatedDataCrc32c"},
	}).Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(resp.Plaintext)
	if err != nil {
		return nil, errors.New("the answer is no base64") // the library's error says where, which is nobody's business
	}
	if resp.PlaintextCrc32c != sum(b) {
		return nil, errTransit
	}
	return b, nil
}

// sum is the checksum that the service counts with.
func sum(b []byte) int64 { return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }

// whyGoogle reads an error of the service. It answers by INVALID_ARGUMENT to what another key has encrypted, and by
// FAILED_PRECONDITION where the key is disabled; both have the status 400.
func whyGoogle(err error) reason {
	var e *googleapi.Error
	var token *oauth2.RetrieveError
	switch {
	case errors.Is(err, errTransit):
		return unreachable
	case errors.As(err, &token):
		return refused
	case !errors.As(err, &e):
		return unreachable
	case e.Code == 400 && !strings.Contains(e.Body, "FAILED_PRECONDITION"):
		return unfit
	}
	return whyStatus(e.Code)
}
