package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// minSecret is the least length of a JWT_SECRET in production, in bytes: as much
// as HS256 gives (RFC 7518, section 3.2).
const minSecret = 32

// placeholder is a text made only of the words that tutorials, examples and
// generators of projects put where a secret belongs, ours among them, and of the
// rows of a keyboard.
var placeholder = regexp.MustCompile(`^(?:` + strings.Join(strings.Fields(`
	a again an and any app api at auth be before bit bits blog by byte bytes change changed changeit changeme changethis char
	character characters chars default demo deploy dev development do env example fake first for from generate generated go good here
	hex hmac hs in inkstone insert is it its json jwt keep key keys least length like local localhost long longer make me min minimum
	more must my need needs never node not of on only or our own pass passphrase password phrase placeholder please prod production
	put random really replace replaceit replaceme replacethis safe sample secret secrets secure security server set sha sign signing
	share so some something staging string strong super supersecret sure temp temporary test testing than that the then this to todo token
	tokens ultra unit use user value very web with you your yours
	abc abcdefghijklmnopqrstuvwxyz abcdef qwerty qwertyuiop asdf asdfghjkl zxcv zxcvbnm xxx foo bar baz hello world admin root
`), "|") + `)*$`)

// samples are what no secret holds but a sample, whatever fills it up. In base64 a
// random secret has one of eight letters once in 10^10; none is hexadecimal.
var samples = strings.Fields(`
	yourjwtsecret yourjwtkey yoursecret yoursupersecret yourrefreshtoken jwtsecret supersecret testsecret devsecret secretsecret
	tokensecret ultrasecret changeme changethis replaceme replacethis donotshare donotuse keyboardcat correcthorsebattery
	secret123456 password123456
	请修改 请更改 请替换 请更换 请改成 请改为 请设置 请填写 随机字符串 随机的字符串 你的密钥 您的密钥
`)

// wellKnown reports whether a secret holds a sample, repeats a short piece, is made of a
// sample's words, with digits or signs around them, of digits that count up, or of hardly
// any different characters.
func wellKnown(secret string) bool {
	plain := keep(secret, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if repeats(plain) || slices.ContainsFunc(samples, func(s string) bool { return strings.Contains(plain, s) }) {
		return true
	}
	letters := keep(secret, func(r rune) bool { return r >= 'a' && r <= 'z' || r > unicode.MaxASCII })
	digits := keep(secret, unicode.IsDigit)
	switch {
	case different(secret) < 8:
		return true
	case letters == "":
		return leaps(digits) == 1
	case leaps(digits) >= manyLeaps:
		return false
	}
	return placeholder.MatchString(letters)
}

// repeats reports whether s is a piece, shorter than a secret has to be, twice or more
// often; the last time it may be cut off.
func repeats(s string) bool {
	for n := 1; n < minSecret && 2*n <= len(s); n++ {
		if s[n:] == s[:len(s)-n] {
			return true
		}
	}
	return false
}

// manyLeaps is how many leaps make digits more than a sample's ornament. In hexadecimal
// the few letters between them are sometimes only "a" and "be", which are words too.
const manyLeaps = 12

// leaps counts the digits that neither repeat the one before nor follow upon it, as 0
// does upon 9: only the first where they count up, most where they are random.
func leaps(digits string) (n int) {
	before := rune(-1)
	for _, d := range digits {
		if step := d - before; before < 0 || step != 0 && step != 1 && step != -9 {
			n++
		}
		before = d
	}
	return n
}

// keep returns the runes of s that are wanted, in lower case.
func keep(s string, wanted func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if wanted(r) {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func different(s string) int {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen)
}

const secretFile = "jwt-secret"

// KeptSecret returns the secret kept in the folder, for development; it is made
// if there is none. Processes that start at once agree on one. The folder must exist.
func KeptSecret(dir string) (string, error) {
	path := filepath.Join(dir, secretFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(dir, path); err != nil {
			return "", fmt.Errorf("make %s: %w", path, err)
		}
	}
	return ReadSecret(dir)
}

// ReadSecret returns the secret that a server has kept in the folder, and makes none.
func ReadSecret(dir string) (string, error) {
	path := filepath.Join(dir, secretFile)
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
