package app

import "inkstone/internal/web"

// service is one row of the architecture: routes over the shared store.
type service struct {
	name     string   // e.g. "post"
	patterns []string // what it answers, as http.ServeMux has it
	mount    func(*parts, *web.Mux)
}

// services is the table of services: a process answers those in its target, and sends the others
// on if it is a gateway. The order is config.Rows'.
func services() []service {
	return []service{
		{"auth", []string{"/api/auth/"}, func(p *parts, m *web.Mux) { p.accounts.MountAuth(m) }},
		{"user", []string{"/api/users", "/api/users/"}, func(p *parts, m *web.Mux) { p.accounts.MountUsers(m) }},
		{"post", []string{"/api/posts", "/api/posts/"}, func(p *parts, m *web.Mux) { p.posts.Mount(m) }},
		{"comment", []string{"/api/comments", "/api/comments/", "/api/posts/{id}/comments"}, func(p *parts, m *web.Mux) { p.comments.Mount(m) }},
		{"upload", []string{"/api/upload", "/api/upload/", "/uploads/"}, func(p *parts, m *web.Mux) { p.uploads.Mount(m) }},
		{"admin", []string{"/api/admin/"}, func(p *parts, m *web.Mux) { p.admin.Mount(m) }},
	}
}
