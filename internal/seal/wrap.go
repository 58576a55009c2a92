package seal

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A Wrapper encrypts keysets with a key that never leaves where it is: in a key management service. Its errors say
// what to do, and nothing of a keyset.
type Wrapper interface {
	tink.AEADWithContext
	String() string // the key's URI
}

// WrapperForm is what the URIs of Wrappers look like: a key of Google's Cloud KMS, of AWS KMS, or of a Vault's
// transit engine.
var WrapperForm = regexp.MustCompile(`^(gcp-kms://projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+` +
	`|aws-kms://arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]+:(key|alias)/[^\s]+` +
	`|hcvault://[^/@?#\s]+/[^?#\s]+/keys/[^/?#\s]+)$`)

// WrapperWords are an example of each.
const WrapperWords = "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K, aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID or hcvault://HOST:8200/transit/keys/NAME"

// wrappedFor is the associated data of a wrapped keyset: what else the KMS key has encrypted is none.
const wrappedFor = "syncd keyset"

// again is how long a keyset that was not to be unwrapped rests.
const again = time.Minute

// wrapped are keys whose keyset a Wrapper unwraps. Nobody is asked for a keyset that is unwrapped already, and one
// that can't be unwrapped does not replace the one before it.
type wrapped struct {
	by  Wrapper
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	bytes  []byte    // what keys was made of
	keys   tink.AEAD // nil: none yet
	failed time.Time // when the keyset was not to be read or unwrapped last; zero: it is in force
	err    error     // with what
}

// Wrapped are the same keys, in a keyset that by has wrapped. It is asked at the first use, and when the keyset
// has changed. If that fails later, log has a warning, and the keys that were unwrapped last stay in force.
func (k *Keys) Wrapped(by Wrapper, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{from: k.from, read: k.read, wrapped: &wrapped{by: by, now: now, log: log}}
}

// primitive are the newest keys that there are.
func (w *wrapped) primitive(ctx context.Context, k *Keys) (tink.AEAD, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := k.read(othersMayRead)
	if err == nil && w.keys != nil && bytes.Equal(b, w.bytes) {
		w.failed, w.err = time.Time{}, nil
		return w.keys, nil
	}
	if w.keys != nil && w.now().Sub(w.failed) < again {
		return w.keys, nil
	}
	var p tink.AEAD
	if err == nil {
		p, err = primitive(ctx, b, k.from, w.by)
	}
	switch {
	case err == nil:
		w.bytes, w.keys, w.failed, w.err = b, p, time.Time{}, nil
	case w.keys == nil:
		return nil, err
	case ctx.Err() == nil: // else it is the caller who gave up
		w.failed, w.err = w.now(), err
		w.log.Warn("the keyset has changed and can't be used; the keys that were read last stay in force, and it is tried again", "keyset", k.from, "error", err)
	}
	return w.keys, nil
}

// stale is why the keyset in use is not the newest; nil: it is.
func (w *wrapped) stale() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// isWrapped reports whether b is a keyset that somebody has wrapped.
func isWrapped(b []byte) bool {
	e, err := keyset.NewJSONReader(bytes.NewReader(b)).ReadEncrypted()
	return err == nil && len(e.GetEncryptedKeyset()) > 0
}

// unwrap reads a keyset that by has wrapped.
func unwrap(ctx context.Context, b []byte, from string, by Wrapper) (*keyset.Handle, error) {
	if !isWrapped(b) {
		if _, err := parse(b, from); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s is not wrapped, but a KMS key is named that should have done so; run syncd keys wrap --kms %s FILE, or leave keyset_kms out", from, by)
	}
	c := &caught{Wrapper: by}
	h, err := keyset.ReadWithContext(ctx, keyset.NewJSONReader(bytes.NewReader(b)), c, []byte(wrappedFor))
	if c.err != nil {
		return nil, fmt.Errorf("%s: %w", from, c.err)
	}
	if err != nil { // which might repeat what is in it
		return nil, fmt.Errorf("%s: what %s has wrapped is no keyset; put the right file back, or make one by syncd keys new --kms %s FILE", from, by, by)
	}
	return h, nil
}

// encode is the keyset as JSON, wrapped if by is not nil.
func encode(ctx context.Context, h *keyset.Handle, by Wrapper) ([]byte, error) {
	var b bytes.Buffer
	if by == nil {
		if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
			return nil, err
		}
		return append(b.Bytes(), '\n'), nil
	}
	c := &caught{Wrapper: by}
	err := h.WriteWithContext(ctx, keyset.NewJSONWriter(&b), c, []byte(wrappedFor))
	if c.err != nil {
		return nil, c.err
	}
	if err != nil {
		return nil, err
	}
	return append(b.Bytes(), '\n'), nil
}

// caught keeps a Wrapper's error, of which the library keeps the text alone.
type caught struct {
	Wrapper
	err error
}

func (c *caught) EncryptWithContext(ctx context.Context, plain, of []byte) (b []byte, err error) {
	b, c.err = c.Wrapper.EncryptWithContext(ctx, plain, of)
	return b, c.err
}

func (c *caught) DecryptWithContext(ctx context.Context, sealed, of []byte) (b []byte, err error) {
	b, c.err = c.Wrapper.DecryptWithContext(ctx, sealed, of)
	return b, c.err
}
