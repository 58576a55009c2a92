package kms

import (
	"context"
	"errors"
	"strings"

	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// dialAWS has Tink make a client with the machine's credentials, for the region that the key's name has in it.
func dialAWS(ctx context.Context, k *Key) (tink.AEADWithContext, error) {
	return awskms.NewAEADWithContext(ctx, strings.TrimPrefix(k.uri, k.service.scheme))
}

// awsReasons are the codes of errors of Encrypt, of Decrypt and of all services, from
// https://docs.aws.amazon.com/kms/latest/APIReference/. What is none of them has failed: a keyset of more than 4096
// bytes (ValidationException), a key that is disabled or was made for signatures.
var awsReasons = map[string]reason{
	"AccessDeniedException":       refused,
	"ExpiredTokenException":       refused,
	"IncompleteSignature":         refused,
	"InvalidClientTokenId":        refused,
	"InvalidSignatureException":   refused,
	"NotAuthorized":               refused,
	"OptInRequired":               refused,
	"UnrecognizedClientException": refused,
	"NotFoundException":           missing,
	"IncorrectKeyException":       unfit,
	"InvalidCiphertextException":  unfit,
	"DependencyTimeoutException":  unreachable,
	"KMSInternalException":        unreachable,
	"KeyUnavailableException":     unreachable,
	"InternalFailure":             unreachable,
	"ServiceUnavailable":          unreachable,
	"ThrottlingException":         unreachable,
}

// whyAWS reads an error of the client, which says by its text alone that it has no credentials.
func whyAWS(err error) reason {
	var e interface {
		error
		ErrorCode() string
	}
	switch {
	case errors.As(err, &e):
		if r, known := awsReasons[e.ErrorCode()]; known {
			return r
		}
		return failed
	case strings.Contains(err.Error(), "get credentials:"), strings.Contains(err.Error(), "refresh cached credentials"):
		return noCredentials
	}
	return unreachable
}
