package web

import (
	"context"
	"net/http"
	"strings"

	"inkstone/internal/blog"
)

// OperatorScheme is the scheme of Authorization for an operator's proof.
const OperatorScheme = "Inkstone-Operator"

// Verifier tells whose a token is. Errors: CodeTokenInvalid, CodeTokenExpired,
// CodeUserDisabled; any other means that the token could not be checked.
type Verifier interface {
	Verify(ctx context.Context, token string) (blog.Actor, error)

	// VerifyProof tells who shows an operator's proof, for a request with the method and the path
	// of a route, like "GET /api/posts". CodeTokenInvalid; nothing is waited for.
	VerifyProof(proof, route string) (blog.Actor, error)
}

// identify finds out who sends r. No Authorization header or an empty one is the anonymous actor;
// anything in it but one bearer token (RFC 6750, section 2.1) or one proof for just this request
// is CodeTokenInvalid. A path has one spelling here and for the Mux, save for a slash at its end,
// which no proof covers.
func identify(r *http.Request, v Verifier) (blog.Actor, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 || len(values) == 1 && strings.TrimSpace(values[0]) == "" {
		return blog.Actor{}, nil
	}
	scheme, credentials := authorization(values)
	switch {
	case v == nil:
	case scheme == "bearer":
		return identifyUser(r.Context(), v, credentials)
	case scheme == strings.ToLower(OperatorScheme):
		return v.VerifyProof(credentials, r.Method+" "+r.URL.Path)
	}
	return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
}

func identifyUser(ctx context.Context, v Verifier, token string) (blog.Actor, error) {
	who, err := v.Verify(ctx, token)
	if err == nil {
		return who, nil
	}
	switch blog.CodeOf(err) {
	case blog.CodeTokenInvalid, blog.CodeTokenExpired, blog.CodeUserDisabled, blog.CodeBusy, blog.CodeUnavailable:
		return blog.Actor{}, err
	}
	return blog.Actor{}, blog.Wrap(blog.CodeUnavailable, err)
}

// authorization returns the scheme in lower case and what follows it, or "" for anything but one
// word behind another.
func authorization(values []string) (scheme, credentials string) {
	if len(values) != 1 {
		return "", ""
	}
	scheme, credentials, _ = strings.Cut(values[0], " ")
	credentials = strings.Trim(credentials, " ")
	if credentials == "" || strings.ContainsAny(credentials, " \t") {
		return "", ""
	}
	return strings.ToLower(scheme), credentials
}

// admit returns the actor who asks, or why he may not.
func (s *state) admit(access Access) (blog.Actor, error) {
	switch {
	case access == NoToken:
		return blog.Actor{}, nil
	case s.authErr != nil:
		return blog.Actor{}, s.authErr
	case access != Anyone && s.actor.Anonymous():
		return blog.Actor{}, blog.Fail(blog.CodeTokenMissing)
	case access == Admin && !s.actor.Admin():
		return blog.Actor{}, blog.Fail(blog.CodeForbidden)
	}
	return s.actor, nil
}
