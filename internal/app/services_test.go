package app

import (
	"net/http"
	"regexp"
	"testing"

	"inkstone/internal/web"
)

// A gateway sends each request to the row whose pattern fits best. Were a route
// mounted by another row, it would be answered here and lost behind a gateway.
func TestEveryRouteFallsIntoThePatternsOfItsOwnRow(t *testing.T) {
	mux, owner := http.NewServeMux(), map[string]string{}
	for _, s := range services() {
		for _, p := range s.patterns {
			mux.Handle(p, http.NotFoundHandler())
			owner[p] = s.name
		}
	}
	reached := map[string]bool{}
	for _, s := range services() {
		for _, route := range mountedBy(s) {
			r, err := http.NewRequestWithContext(t.Context(), route.Method, concrete(route.Pattern), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, pattern := mux.Handler(r)
			reached[pattern] = true
			if owner[pattern] != s.name {
				t.Errorf("%s %s of the row %s falls into %q of %q", route.Method, route.Pattern, s.name, pattern, owner[pattern])
			}
		}
	}
	for p, name := range owner {
		if !reached[p] {
			t.Errorf("no route falls into %q of the row %s", p, name)
		}
	}
}

func mountedBy(s service) []web.Route {
	m := web.NewMux()
	s.mount(&parts{}, m)
	return m.Routes()
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// concrete returns a path that a pattern matches.
func concrete(pattern string) string { return wildcard.ReplaceAllString(pattern, "x") }
