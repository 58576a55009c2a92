package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// sealer has browsers keep things that they can neither read nor change.
type sealer struct{ cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	own, err := hkdf.Key(sha256.New, key, nil, "syncd log-in under way", 32)
	if err != nil {
		return sealer{}, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func (s sealer) seal(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.Seal(nil, nil, b, nil)), nil
}

// open reports whether text was sealed by us, and reads it into v.
func (s sealer) open(text string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	b, err = s.Open(nil, nil, b, nil)
	return err == nil && json.Unmarshal(b, v) == nil
}
