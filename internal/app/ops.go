package app

import (
	"net/http"
	"slices"
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
		m.Handle("GET /metrics", web.Anyone, plain(a.metrics.Handler()))
	}
	m.Handle("GET /openapi.json", web.Anyone, document("application/json; charset=utf-8", api.JSON))
	m.Handle("GET /openapi.yaml", web.Anyone, document("application/yaml; charset=utf-8", func() []byte { return api.YAML }))
	page := docs()
	m.Handle("GET /docs", web.Anyone, page)
	m.Handle("GET /docs/{asset}", web.Anyone, page)
}

// document serves a body that is made when it is first asked for.
func document(mediaType string, body func() []byte) web.Handler {
	answer := sync.OnceValue(func() *web.Answer { return web.Ready(mediaType, body()) })
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		return web.Write(w, r, http.StatusOK, answer())
	}
}

// docsAssets are what the interactive page loads; all of them are in the program.
var docsAssets = []string{
	"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-16x16.png", "favicon-32x32.png",
}

// docs serves the interactive page and its assets.
func docs() web.Handler {
	page := v5emb.NewHandlerWithConfig(swgui.Config{Title: "砚台 Inkstone", SwaggerJSON: "/openapi.json", BasePath: "/docs"})
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		if asset := r.PathValue("asset"); asset != "" {
			if !slices.Contains(docsAssets, asset) {
				return blog.Fail(blog.CodeRouteNotFound)
			}
			w.Header().Set("Cache-Control", "public, max-age=86400")
		}
		w.Header().Set("Content-Security-Policy", docsPolicy)
		page.ServeHTTP(w, r)
		return nil
	}
}

func plain(h http.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		h.ServeHTTP(w, r)
		return nil
	}
}
