// Package fakekms is three key management services for tests, in one handler: Google's Cloud KMS (REST), AWS KMS
// (JSON) and the transit engine of a HashiCorp Vault, as far as encrypting and decrypting goes. Keys with the same
// name are the same key; every name is one that there is, but for those with "missing" in them.
package fakekms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// A Service answers as all three.
type Service struct {
	// Token is what Vault takes; AWS takes an access key of that name, Google any bearer.
	Token string

	mu       sync.Mutex
	fault    Fault
	requests []string
}

// A Fault is what is wrong with all answers.
type Fault int

// What can be wrong.
const (
	None      Fault = iota
	Down            // the status 503
	Denied          // the caller must not use the key
	Disabled        // the key is
	Corrupted       // the bytes that are returned are others, behind the checksum
	Garbage         // what is decrypted is something else than what was encrypted
	Page            // a proxy in between answers by HTML
)

// Set has all answers be wrong from now on.
func (s *Service) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests are the calls so far: "encrypt NAME" or "decrypt NAME".
func (s *Service) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// A call is what all three are asked.
type call struct {
	act  string // encrypt or decrypt
	name string
	data []byte
	of   []byte
}

// An outcome is what all three answer.
type outcome int

const (
	done outcome = iota
	down
	denied
	disabled
	missing
	unfit
)

// ServeHTTP answers as the service that the request is for.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/token": // Google's, for whoever has an assertion
		answer(w, http.StatusOK, map[string]any{"access_token": "bearer", "token_type": "Bearer", "expires_in": 3600})
	case r.Header.Get("X-Amz-Target") != "":
		s.aws(w, r, body)
	case strings.HasPrefix(r.URL.Path, "/v1/projects/"):
		s.google(w, r, body)
	default:
		s.vault(w, r, body)
	}
}

// run does what is asked for.
func (s *Service) run(c call, allowed bool) ([]byte, outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, c.act+" "+c.name)
	switch {
	case s.fault == Down:
		return nil, down
	case !allowed || s.fault == Denied:
		return nil, denied
	case strings.Contains(c.name, "missing"):
		return nil, missing
	case s.fault == Disabled:
		return nil, disabled
	}
	key := sha256.Sum256([]byte(c.name))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, down
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, down
	}
	if c.act == "encrypt" {
		return gcm.Seal(nil, nil, c.data, c.of), done
	}
	plain, err := gcm.Open(nil, nil, c.data, c.of)
	if err != nil {
		return nil, unfit
	}
	if s.fault == Garbage {
		plain = []byte("AIzaSecret is no keyset")
	}
	return plain, done
}

func (s *Service) is(f Fault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault == f
}

// google is https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.
func (s *Service) google(w http.ResponseWriter, r *http.Request, body []byte) {
	if s.is(Page) {
		page(w)
		return
	}
	var req struct {
		Plaintext, Ciphertext             []byte
		AdditionalAuthenticatedData       []byte
		PlaintextCrc32c, CiphertextCrc32c int64 `json:",string"`
		AdditionalAuthenticatedDataCrc32c int64 `json:",string"`
	}
	name, act, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), ":")
	err := json.Unmarshal(body, &req)
	data, sent := req.Plaintext, req.PlaintextCrc32c
	if act == "decrypt" {
		data, sent = req.Ciphertext, req.CiphertextCrc32c
	}
	if err != nil || sent != sum(data) || req.AdditionalAuthenticatedDataCrc32c != sum(req.AdditionalAuthenticatedData) {
		googleError(w, 400, "INVALID_ARGUMENT", "The checksum does not match.")
		return
	}
	b, o := s.run(call{act, name, data, req.AdditionalAuthenticatedData}, strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "))
	switch o {
	case down:
		googleError(w, 503, "UNAVAILABLE", "The service is currently unavailable.")
	case denied:
		googleError(w, 403, "PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource")
	case missing:
		googleError(w, 404, "NOT_FOUND", "CryptoKey "+name+" not found.")
	case disabled:
		googleError(w, 400, "FAILED_PRECONDITION", name+" is not enabled, current state is: DISABLED.")
	case unfit:
		googleError(w, 400, "INVALID_ARGUMENT", "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
	case done:
		crc := sum(b)
		if s.is(Corrupted) {
			b[len(b)-1] ^= 1
		}
		field := map[string]string{"encrypt": "ciphertext", "decrypt": "plaintext"}[act]
		answer(w, 200, map[string]any{
			"name": name + "/cryptoKeyVersions/1", field: b, field + "Crc32c": strconv.FormatInt(crc, 10),
			"verifiedPlaintextCrc32c": true, "verifiedAdditionalAuthenticatedDataCrc32c": true,
		})
	}
}

// aws is https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html.
func (s *Service) aws(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if s.is(Page) {
		page(w)
		return
	}
	var req struct {
		KeyId                     string
		Plaintext, CiphertextBlob []byte
		EncryptionContext         map[string]string
	}
	act, known := map[string]string{"TrentService.Encrypt": "encrypt", "TrentService.Decrypt": "decrypt"}[r.Header.Get("X-Amz-Target")]
	if err := json.Unmarshal(body, &req); err != nil || !known {
		awsError(w, 400, "ValidationException", "unknown")
		return
	}
	data := req.Plaintext
	if act == "decrypt" {
		data = req.CiphertextBlob
	}
	if act == "encrypt" && len(data) > 4096 {
		awsError(w, 400, "ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096")
		return
	}
	of, err := json.Marshal(req.EncryptionContext) // sorted
	if err != nil {
		return
	}
	b, o := s.run(call{act, req.KeyId, data, of}, strings.Contains(r.Header.Get("Authorization"), "Credential="+s.Token+"/"))
	switch o {
	case down:
		awsError(w, 503, "ServiceUnavailable", "")
	case denied:
		awsError(w, 400, "AccessDeniedException", "User: arn:aws:iam::1:user/syncd is not authorized to perform: kms:Decrypt")
	case missing:
		awsError(w, 400, "NotFoundException", "Key '"+req.KeyId+"' does not exist")
	case disabled:
		awsError(w, 400, "DisabledException", req.KeyId+" is disabled.")
	case unfit:
		awsError(w, 400, "InvalidCiphertextException", "")
	case done:
		answer(w, 200, map[string]any{"KeyId": req.KeyId, map[string]string{"encrypt": "CiphertextBlob", "decrypt": "Plaintext"}[act]: b})
	}
}

// vault is https://developer.hashicorp.com/vault/api-docs/secret/transit.
func (s *Service) vault(w http.ResponseWriter, r *http.Request, body []byte) {
	if s.is(Page) {
		page(w)
		return
	}
	const version = "vault:v1:"
	var req struct {
		Plaintext      []byte `json:"plaintext"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData []byte `json:"associated_data"`
	}
	act, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	if err := json.Unmarshal(body, &req); err != nil || !ok || r.Method != http.MethodPut && r.Method != http.MethodPost {
		vaultError(w, 404, "no handler for route")
		return
	}
	data := req.Plaintext
	if act == "decrypt" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(req.Ciphertext, version)); err != nil {
			vaultError(w, 400, "invalid ciphertext: could not decode base64")
			return
		}
	}
	b, o := s.run(call{act, name, data, req.AssociatedData}, s.Token != "" && r.Header.Get("X-Vault-Token") == s.Token)
	switch o {
	case down:
		vaultError(w, 503, "Vault is sealed")
	case denied:
		vaultError(w, 403, "permission denied")
	case missing:
		vaultError(w, 404)
	case disabled:
		vaultError(w, 400, "requested version for encryption is less than the minimum encryption key version")
	case unfit:
		vaultError(w, 400, "cipher: message authentication failed")
	case done:
		if act == "encrypt" {
			answer(w, 200, map[string]any{"data": map[string]any{"ciphertext": version + base64.StdEncoding.EncodeToString(b)}})
			return
		}
		answer(w, 200, map[string]any{"data": map[string]any{"plaintext": b}})
	}
}

func googleError(w http.ResponseWriter, code int, status, message string) {
	answer(w, code, map[string]any{"error": map[string]any{"code": code, "message": message, "status": status}})
}

func awsError(w http.ResponseWriter, code int, kind, message string) {
	answer(w, code, map[string]any{"__type": kind, "message": message})
}

func vaultError(w http.ResponseWriter, code int, messages ...string) {
	answer(w, code, map[string]any{"errors": append([]string{}, messages...)})
}

func page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	io.WriteString(w, "<html>\n"+strings.Repeat("<p>Bad gateway</p>\n", 1000))
}

func answer(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		code, b = http.StatusInternalServerError, nil
	}
	w.WriteHeader(code)
	w.Write(b)
}

func sum(b []byte) int64 { return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }
