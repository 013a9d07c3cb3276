package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"inkstone/internal/blog"
)

const (
	proofLife  = 10 * time.Second // of a proof, at most
	proofLabel = "inkstone: proof of an operator"
)

// OperatorID is whose requests those of an operator are: no user's, for none was made in 1970. In
// hexadecimal it is 00000000 and the word "operator".
var OperatorID = blog.ID([]byte("\x00\x00\x00\x00operator"))

// Operator is whoever runs a command where the server's secret can be read. He shows that he knows
// it by proofs: JSON Web Tokens for one route that end within seconds. Their key is derived from
// the secret, so that a proof never passes as a token, nor a token as a proof. No store is read:
// an operator comes above all when it is away.
type Operator struct {
	key    []byte
	route  string
	now    func() time.Time
	parser *jwt.Parser
}

// NewOperator makes the operator of one route, like "GET /api/posts", by the clock now.
func NewOperator(secret []byte, route string, now func() time.Time) (*Operator, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, proofLabel, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of proofs: %w", err)
	}
	return &Operator{key, route, now, newParser(now, jwt.WithIssuedAt(), jwt.WithAudience(route))}, nil
}

// Prove makes a proof.
func (o *Operator) Prove() (string, error) {
	now := o.now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Audience:  jwt.ClaimStrings{o.route},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(proofLife)),
	}).SignedString(o.key)
}

// verify returns the operator as an actor, if he shows a sound proof for this route, which is
// his. Nothing is allowed for another clock: it is the same machine's. CodeTokenInvalid.
func (o *Operator) verify(proof, route string) (blog.Actor, error) {
	if route != o.route || !hasOneSpelling(proof) {
		return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
	}
	var c jwt.RegisteredClaims
	if _, err := o.parser.ParseWithClaims(proof, &c, func(*jwt.Token) (any, error) { return o.key, nil }); err != nil {
		return blog.Actor{}, blog.Wrap(blog.CodeTokenInvalid, err)
	}
	if len(c.Audience) != 1 || c.IssuedAt == nil || c.ExpiresAt.Sub(c.IssuedAt.Time) > proofLife {
		return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
	}
	return blog.Actor{ID: OperatorID, Role: blog.RoleAdmin}, nil
}
