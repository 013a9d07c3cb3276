package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// minSecret is the least length of a JWT_SECRET in production, in bytes: as much
// as HS256 gives (RFC 7518, section 3.2).
const minSecret = 32

// samples are secrets that tutorials and examples use, ours among them; compared
// in lower case and without what is not a letter or digit.
var samples = []string{
	"yourjwtsecret", "yourjwtsecretkey", "yoursecretkey", "yoursecret", "yoursupersecretjwtkey", "yoursupersecretkey",
	"jwtsecret", "jwtsecretkey", "mysecret", "mysecretkey", "mysupersecretkey", "supersecret", "supersecretkey",
	"secret", "secretkey", "changeme", "changethis", "changeit", "replaceme", "changethisinproduction",
	"testsecret", "testjwtsecret", "devsecret", "default", "password", "inkstone", "example", "examplesecret",
	"yourjwtsecretchangeme", "yourjwtsecretchangethisinproduction", "pleasechangethissecret",
	"0123456789abcdef", "1234567890", "0123456789", "123456", "abcdefghijklmnopqrstuvwxyz",
}

// wellKnown reports whether a secret is one of the samples, once or repeated and
// with digits or signs around them, or made of hardly any different characters.
func wellKnown(secret string) bool {
	bare := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(secret))
	letters := strings.Trim(bare, "0123456789")
	for _, s := range samples {
		if repeats(bare, s) || letters != "" && repeats(letters, s) {
			return true
		}
	}
	return different(secret) < 8
}

// repeats reports whether s is unit again and again, the last time perhaps cut.
func repeats(s, unit string) bool {
	return len(s) >= len(unit) && strings.HasPrefix(strings.Repeat(unit, len(s)/len(unit)+1), s)
}

func different(s string) int {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen)
}

// KeptSecret returns the secret kept in the folder, for development; it is made
// if there is none. Processes that start at once agree on one. The folder must exist.
func KeptSecret(dir string) (string, error) {
	path := filepath.Join(dir, "jwt-secret")
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(dir, path); err != nil {
			return "", fmt.Errorf("make %s: %w", path, err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(b))
	if len(secret) < minSecret {
		return "", fmt.Errorf("密钥文件 %s 已损坏，请删除后重新启动", path)
	}
	return secret, nil
}

// makeSecret writes a file aside and links it into place, which fails, as it
// should, where another process was faster.
func makeSecret(dir, path string) error {
	var key [32]byte
	_, _ = rand.Read(key[:])                      // never fails: crypto/rand ends the program instead
	f, err := os.CreateTemp(dir, ".jwt-secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
