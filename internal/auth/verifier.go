package auth

import (
	"context"
	"time"

	"inkstone/internal/blog"
)

// Verifier turns a token, or an operator's proof, into who asks.
type Verifier struct {
	tokens    *Tokens
	users     blog.Users
	operators []*Operator
}

// NewVerifier makes a Verifier. What it finds out is never remembered: a token
// that ends, ends at once.
func NewVerifier(tokens *Tokens, users blog.Users, operators ...*Operator) *Verifier {
	return &Verifier{tokens, users, operators}
}

// VerifyProof returns the operator for a sound proof of his and a request of his route, which has
// its method and path. The store is not read. CodeTokenInvalid.
func (v *Verifier) VerifyProof(proof, route string) (blog.Actor, error) {
	for _, o := range v.operators {
		if o.route == route {
			return o.verify(proof, route)
		}
	}
	return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
}

// Verify reads the token and, in one read of the store, its user; the role is
// the store's. Codes as Tokens.Parse; CodeUserDisabled if the user is gone or
// disabled; CodeTokenInvalid if the token was revoked.
func (v *Verifier) Verify(ctx context.Context, raw string) (blog.Actor, error) {
	t, err := v.tokens.Parse(raw)
	if err != nil {
		return blog.Actor{}, err
	}
	s, err := v.users.Session(ctx, t.User, t.Key)
	switch {
	case blog.CodeOf(err) == blog.CodeUserNotFound:
		return blog.Actor{}, blog.Fail(blog.CodeUserDisabled)
	case err != nil:
		return blog.Actor{}, err
	case !s.Active:
		return blog.Actor{}, blog.Fail(blog.CodeUserDisabled)
	case s.Revoked || !t.Current(s.TokenVersion, s.TokensFrom):
		return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
	}
	return blog.Actor{ID: t.User, Role: s.Role}, nil
}

// Current reports whether the token was made after its user's tokens last ended:
// at from, which made version the one that counts. Without a version only whole
// seconds tell, so one of that very second is refused.
func (t Token) Current(version int64, from time.Time) bool {
	if t.Version != nil {
		return *t.Version == version
	}
	return from.IsZero() || t.Issued.Unix() > from.Unix()
}
