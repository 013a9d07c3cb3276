package app

import "inkstone/internal/web"

// service is one row of the architecture: routes over the shared store.
type service struct {
	name     string   // e.g. "post"
	patterns []string // what it answers, as http.ServeMux has it
	mount    func(*parts, *web.Mux)
	files    string // a folder of files, where what is unknown is a missing file; "": none
}

// services is the table of services: a process answers those in its target, and sends the others
// on if it is a gateway. The order is config.Rows'.
func services() []service {
	return []service{
		{name: "auth", patterns: []string{"/api/auth/"}, mount: func(p *parts, m *web.Mux) { p.accounts.MountAuth(m) }},
		{name: "user", patterns: []string{"/api/users", "/api/users/"}, mount: func(p *parts, m *web.Mux) { p.accounts.MountUsers(m) }},
		{name: "post", patterns: []string{"/api/posts", "/api/posts/"}, mount: func(p *parts, m *web.Mux) { p.posts.Mount(m) }},
		{name: "comment", patterns: []string{"/api/comments", "/api/comments/", "/api/posts/{id}/comments"}, mount: func(p *parts, m *web.Mux) { p.comments.Mount(m) }},
		{name: "upload", patterns: []string{"/api/upload", "/api/upload/", "/uploads/"}, mount: func(p *parts, m *web.Mux) { p.uploads.Mount(m) }, files: "/uploads/"},
		{name: "admin", patterns: []string{"/api/admin/"}, mount: func(p *parts, m *web.Mux) { p.admin.Mount(m) }},
	}
}
