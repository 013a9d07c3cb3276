package web

import (
	"context"
	"net/http"
	"strings"

	"inkstone/internal/blog"
)

// Verifier tells whose a token is. Errors: CodeTokenInvalid, CodeTokenExpired,
// CodeUserDisabled; any other means that the token could not be checked.
type Verifier interface {
	Verify(ctx context.Context, token string) (blog.Actor, error)
}

// identify finds out who sends r. No Authorization header or an empty one is the anonymous actor;
// anything in it but one bearer token (RFC 6750, section 2.1) is CodeTokenInvalid.
func identify(r *http.Request, v Verifier) (blog.Actor, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 || len(values) == 1 && strings.TrimSpace(values[0]) == "" {
		return blog.Actor{}, nil
	}
	token, ok := bearer(values)
	if !ok || v == nil {
		return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
	}
	who, err := v.Verify(r.Context(), token)
	if err == nil {
		return who, nil
	}
	switch blog.CodeOf(err) {
	case blog.CodeTokenInvalid, blog.CodeTokenExpired, blog.CodeUserDisabled, blog.CodeBusy, blog.CodeUnavailable:
		return blog.Actor{}, err
	}
	return blog.Actor{}, blog.Wrap(blog.CodeUnavailable, err)
}

func bearer(values []string) (token string, ok bool) {
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != "" && !strings.ContainsAny(token, " \t")
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
