// Package auth knows who asks: it makes and reads tokens, hashes and compares
// passwords, and turns a token into a blog.Actor. Routes and accounts are not its own.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"inkstone/internal/blog"
)

const (
	maxToken = 8 << 10          // bytes of an encoded token
	maxSkew  = 30 * time.Second // how far ahead the clock of an issuer may be
)

// claims is what a token says. Those of the original application have neither
// ver nor jti.
type claims struct {
	UserID   string    `json:"userId"`
	Username string    `json:"username"`
	Role     blog.Role `json:"role"`
	Version  *int64    `json:"ver,omitempty"`
	jwt.RegisteredClaims
}

// Token is a token whose signature and times were found right.
type Token struct {
	User    blog.ID
	Key     string // what it is revoked by: its jti, or the SHA-256 of the whole
	Version *int64 // nil in one of the original application
	Issued  time.Time
	Expires time.Time
}

// Tokens makes and reads JSON Web Tokens (RFC 7519), HS256 only.
type Tokens struct {
	secret []byte
	life   time.Duration
	now    func() time.Time
	parser *jwt.Parser
}

// NewTokens makes tokens that live for life, by the clock now.
func NewTokens(secret []byte, life time.Duration, now func() time.Time) *Tokens {
	return &Tokens{secret, life, now, newParser(now)}
}

// newParser makes a parser that is strict, in more than what is always asked if wanted.
func newParser(now func() time.Time, more ...jwt.ParserOption) *jwt.Parser {
	return jwt.NewParser(append(more,
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(), // else one token has several spellings, and a hash revokes only one
		jwt.WithTimeFunc(now),
	)...)
}

// hasOneSpelling refuses what a parser would read though it is spelled otherwise, and what is too
// long: encoding/base64 skips line breaks.
func hasOneSpelling(raw string) bool {
	return len(raw) <= maxToken && !strings.ContainsAny(raw, "\r\n")
}

// Issue makes a token for u.
func (t *Tokens) Issue(u *blog.User) (string, error) {
	var jti [16]byte
	_, _ = rand.Read(jti[:]) // never fails: crypto/rand ends the program instead
	now := t.now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		UserID: u.ID.String(), Username: u.Username, Role: u.Role, Version: &u.TokenVersion,
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        hex.EncodeToString(jti[:]),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.life)),
		},
	}).SignedString(t.secret)
}

// Parse reads a token. CodeTokenExpired if only its time is over, else
// CodeTokenInvalid. Whether its user still exists is not looked at.
func (t *Tokens) Parse(raw string) (Token, error) {
	if !hasOneSpelling(raw) {
		return Token{}, blog.Fail(blog.CodeTokenInvalid)
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(raw, &c, t.key); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Token{}, blog.Fail(blog.CodeTokenExpired)
		}
		return Token{}, blog.Wrap(blog.CodeTokenInvalid, err)
	}
	user, ok := blog.ParseID(c.UserID)
	if !ok || c.IssuedAt == nil || c.IssuedAt.After(t.now().Add(maxSkew)) {
		return Token{}, blog.Fail(blog.CodeTokenInvalid)
	}
	return Token{user, revocationKey(raw, c.ID), c.Version, c.IssuedAt.Time, c.ExpiresAt.Time}, nil
}

func (t *Tokens) key(*jwt.Token) (any, error) { return t.secret, nil }

func revocationKey(raw, jti string) string {
	if jti != "" {
		return jti
	}
	sum := sha256.Sum256([]byte(raw))
	return hex.EncodeToString(sum[:])
}
