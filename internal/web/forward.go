package web

import (
	"net/http"
	"strings"

	"inkstone/internal/blog"
)

// Forward has whatever is asked of a pattern without a method answered by h, which sends it on
// to who knows its routes. A pattern that ends in a slash is a tree with its root. Routes that are
// mounted here keep what is theirs: Forward comes after Handle.
func (m *Mux) Forward(pattern string, h Handler) {
	f := &remote{pattern, h}
	m.forward(pattern, f)
	root, isTree := strings.CutSuffix(pattern, "/")
	if !isTree {
		return
	}
	m.forward(root, f)
	for _, r := range m.routes {
		if strings.HasPrefix(r.Pattern, pattern) {
			m.forward(r.Pattern, http.HandlerFunc(m.refuse)) // another method of a route of ours is no route of theirs
		}
	}
}

func (m *Mux) forward(pattern string, h http.Handler) {
	if m.elsewhere[pattern] {
		return
	}
	m.elsewhere[pattern] = true
	m.mux.Handle(pattern, h)
}

// remote is a part of the paths that is answered elsewhere.
type remote struct {
	pattern string
	handle  Handler
}

// ServeHTTP implements http.Handler. What a token is good for is judged where the route is; here
// it only could not be looked at, and there it would be waited for once more.
func (f *remote) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := stateOf(r)
	s.method, s.route = r.Method, f.pattern
	var err error
	switch blog.CodeOf(s.authErr) {
	case blog.CodeBusy, blog.CodeUnavailable:
		err = s.authErr
	default:
		err = f.handle(w, r, s.actor)
	}
	if err != nil {
		WriteError(w, r, err)
	}
}
