package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"time"
)

// identityHeader says who calls, in a mesh that enforces access (docs/concepts/identity.md).
const identityHeader = "heddle-identity"

// identityLife is how long what is shown of an identity is good for.
const identityLife = 5 * time.Minute

// identity is what proves who this service is.
type identity struct {
	key []byte
}

// newIdentity reads the mesh's key; without a file there is none, as a mesh that only this machine can reach needs none.
func newIdentity(file string) (*identity, error) {
	if file == "" {
		return nil, nil
	}
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("HEDDLE_IDENTITY_KEY_FILE: %w", err)
	}
	return &identity{key: bytes.TrimSpace(key)}, nil
}

// token names the service, the instance and its own end, and proves that whoever made it has the mesh's key.
func (i *identity) token(service string, now time.Time) string {
	said := fmt.Sprintf("h1.%s.%s.%d", service, instanceID, now.Add(identityLife).Unix())
	mac := hmac.New(sha256.New, i.key)
	mac.Write([]byte(said))
	return said + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
