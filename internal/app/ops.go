package app

import (
	"bytes"
	"net/http"
	"net/url"
	"sync"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"inkstone/api"
	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// docsPolicy lets the interactive page run its own scripts and styles, which
// the policy of all other answers forbids where they stand in the page itself.
const docsPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'self'; form-action 'none'"

// mountOps puts the routes of section 7 of the contract on m.
func (a *App) mountOps(m *web.Mux) {
	a.health.Mount(m)
	if a.cfg.MetricsAddr == "" {
		a.mountMetrics(m)
	}
	if a.cfg.Target.Gateway {
		mountDocs(m)
	}
}

// mountDocs puts on m what tells clients how to use the site.
func mountDocs(m *web.Mux) {
	m.Handle("GET /openapi.json", web.Anyone, document("application/json; charset=utf-8", api.JSON))
	m.Handle("GET /openapi.yaml", web.Anyone, document("application/yaml; charset=utf-8", func() []byte { return api.YAML }))
	ui := v5emb.NewHandlerWithConfig(swgui.Config{Title: "砚台 Inkstone", SwaggerJSON: "/openapi.yaml", BasePath: "/docs"})
	m.Handle("GET /docs", web.Anyone, docs(document("text/html; charset=utf-8", func() []byte { return rendered(ui, "/docs") })))
	m.Handle("GET /docs/{asset}", web.Anyone, docs(docsAssets(ui)))
}

// document serves a body that is made when it is first asked for.
func document(mediaType string, body func() []byte) web.Handler {
	answer := sync.OnceValue(func() *web.Answer { return web.Ready(mediaType, body()) })
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		return web.Write(w, r, http.StatusOK, answer())
	}
}

// docs has a part of the interactive page answered under its own policy.
func docs(part web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		return part(w, r, who)
	}
}

// docsAssets serves what the interactive page loads; all of it is in the program.
func docsAssets(ui http.Handler) web.Handler {
	const style, script, icon = "text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/png"
	assets := map[string]web.Handler{}
	for name, kind := range map[string]string{
		"swagger-ui.css": style, "swagger-ui-bundle.js": script, "swagger-ui-standalone-preset.js": script,
		"favicon-16x16.png": icon, "favicon-32x32.png": icon,
	} {
		assets[name] = document(kind, func() []byte { return rendered(ui, "/docs/"+name) })
	}
	return func(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
		asset, ok := assets[r.PathValue("asset")]
		if !ok {
			return blog.Fail(blog.CodeRouteNotFound)
		}
		return asset(w, r, who)
	}
}

// rendered returns what h answers to a GET of path.
func rendered(h http.Handler, path string) []byte {
	var page writtenPage
	h.ServeHTTP(&page, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return page.Bytes()
}

// writtenPage keeps the body of an answer alone.
type writtenPage struct{ bytes.Buffer }

func (*writtenPage) Header() http.Header { return http.Header{} }
func (*writtenPage) WriteHeader(int)     {}

func plain(h http.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		h.ServeHTTP(w, r)
		return nil
	}
}
