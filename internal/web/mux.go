package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"inkstone/internal/blog"
)

// Access says who may call a route. The check is made before the handler runs.
type Access int

// The kinds of access.
const (
	Anyone   Access = iota // a token is optional; a bad one still gets its 401
	SignedIn               // CodeTokenMissing without a token
	Admin                  // CodeForbidden for other users
	NoToken                // for who wants one: what is sent is not looked at
)

// Handler answers one route for the actor who asks. It either writes an answer
// and returns nil, or writes nothing and returns an error, which is written once
// for all in errors.go.
type Handler func(w http.ResponseWriter, r *http.Request, who blog.Actor) error

// Route is one mounted route.
type Route struct {
	Method  string
	Pattern string // as http.ServeMux has it, without the method
	Access  Access
}

// Mux routes by method and pattern, answers unknown routes and methods as the
// contract says, and remembers what was mounted.
type Mux struct {
	mux     *http.ServeMux
	routes  []Route
	missing []folder

	elsewhere map[string]bool // patterns that Forward has taken
}

// folder is a part of the paths where what is unknown has an error of its own.
type folder struct {
	prefix string
	code   blog.Code
}

// NewMux makes an empty Mux.
func NewMux() *Mux {
	m := &Mux{mux: http.NewServeMux(), elsewhere: map[string]bool{}}
	m.mux.HandleFunc("/", m.refuse)
	return m
}

// Handle mounts h on a pattern like "GET /api/posts/{id}". It panics if the pattern
// has no method, conflicts with another, or matches a whole tree, to which
// http.ServeMux would redirect.
func (m *Mux) Handle(pattern string, access Access, h Handler) {
	method, where, ok := strings.Cut(pattern, " ")
	if !ok {
		panic("web: pattern without a method: " + pattern)
	}
	if strings.HasSuffix(where, "/") || strings.HasSuffix(where, "...}") {
		panic("web: pattern of a tree: " + pattern)
	}
	e := &endpoint{Route{Method: method, Pattern: where, Access: access}, h}
	m.mux.Handle(pattern, e)
	m.routes = append(m.routes, e.route)
}

// endpoint is a mounted Handler.
type endpoint struct {
	route  Route
	handle Handler
}

// ServeHTTP implements http.Handler.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := stateOf(r)
	s.method, s.route = e.route.Method, e.route.Pattern
	who, err := s.admit(e.route.Access)
	if err == nil {
		err = e.handle(w, r, who)
	}
	if err != nil {
		WriteError(w, r, err)
	}
}

// Missing lets what is not found at or below prefix, which ends in a slash, be answered
// with that code: there are files there, and no routes.
func (m *Mux) Missing(prefix string, code blog.Code) {
	m.missing = append(m.missing, folder{prefix, code})
}

// notFound is the error for a path that nothing is mounted on.
func (m *Mux) notFound(r *http.Request) error {
	for _, f := range m.missing {
		if strings.HasPrefix(r.URL.Path+"/", f.prefix) {
			return blog.Fail(f.code)
		}
	}
	return blog.Fail(blog.CodeRouteNotFound)
}

// Routes returns what was mounted, in that order.
func (m *Mux) Routes() []Route { return m.routes }

// ServeHTTP implements http.Handler. A path that http.ServeMux would clean by a
// redirect is an unknown route: a redirect would lose a body and bless the
// spelling. What no pattern matches goes to refuse.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cleanPath(r.URL) {
		WriteError(w, r, m.notFound(r))
		return
	}
	m.mux.ServeHTTP(w, withoutSlash(r))
}

// refuse answers a request that no pattern matches with 404, or with 405 if it
// would match by another method; a plain OPTIONS is then answered with 204. To the
// metrics all these have no route: each method of each would be a dozen series more.
func (m *Mux) refuse(w http.ResponseWriter, r *http.Request) {
	allowed := m.allowed(r)
	if len(allowed) == 0 {
		WriteError(w, r, m.notFound(r))
		return
	}
	w.Header()["Allow"] = []string{strings.Join(append(allowed, http.MethodOptions), ", ")}
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	WriteError(w, r, blog.Fail(blog.CodeMethodNotAllowed))
}

func (m *Mux) allowed(r *http.Request) []string {
	var found []string
	probe := http.Request{Host: r.Host, URL: r.URL}
	for _, method := range methods {
		probe.Method = method
		h, _ := m.mux.Handler(&probe)
		if _, ok := h.(*endpoint); ok {
			found = append(found, method)
		}
	}
	return found
}

// cleanPath reports whether a path has one spelling only: nothing to clean, no
// encoded slash or backslash, and text that every part of the program can carry.
func cleanPath(u *url.URL) bool {
	p := u.Path
	if p == "" || p[0] != '/' || strings.ContainsAny(p, "\x00\\") || !utf8.ValidString(p) {
		return false
	}
	if u.RawPath != "" && strings.Contains(strings.ToLower(u.RawPath), "%2f") {
		return false
	}
	return path.Clean(p) == p || len(p) > 1 && path.Clean(p)+"/" == p
}

// withoutSlash returns r without the trailing slash of its path.
func withoutSlash(r *http.Request) *http.Request {
	p := r.URL.Path
	if len(p) < 2 || p[len(p)-1] != '/' {
		return r
	}
	u := *r.URL
	u.Path = p[:len(p)-1]
	u.RawPath = strings.TrimSuffix(u.RawPath, "/")
	bare := *r
	bare.URL = &u
	return &bare
}

// sentPath returns path and query as the client sent them, bounded.
func sentPath(r *http.Request) string {
	sent := r.RequestURI
	if !strings.HasPrefix(sent, "/") { // a whole address may have a password in it
		sent = r.URL.RequestURI()
	}
	const most = 2048
	return strings.ToValidUTF8(sent[:min(len(sent), most)], "\uFFFD")
}
