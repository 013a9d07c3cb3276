package apitest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"inkstone/internal/web"
)

func TestTheDocumentAndTheRouteTableAgree(t *testing.T) {
	documented := map[string]bool{}
	for _, op := range operations() {
		documented[op.method+" "+op.path] = true
	}
	each(t, nil, func(t *testing.T, s *site) {
		mounted := map[string]bool{}
		for _, r := range s.routes {
			mounted[r.Method+" "+template(r.Pattern)] = true
		}
		for _, op := range slices.Sorted(maps.Keys(documented)) {
			if !mounted[op] {
				t.Errorf("%s is documented and not mounted", op)
			}
		}
		for _, op := range slices.Sorted(maps.Keys(mounted)) {
			if !documented[op] {
				t.Errorf("%s is mounted and not documented", op)
			}
		}
	})
}

// template writes a pattern of http.ServeMux as OpenAPI does.
func template(pattern string) string {
	return strings.NewReplacer("...}", "}", "{$}", "").Replace(pattern)
}

func TestTheDocumentAndTheRouteTableAgreeOnWhoMayCall(t *testing.T) {
	c := theContract()
	each(t, nil, func(t *testing.T, s *site) {
		for _, r := range s.routes {
			op, _ := c.at("/paths/" + escape(template(r.Pattern)) + "/" + strings.ToLower(r.Method)).(map[string]any)
			if op == nil {
				continue // the test above tells
			}
			if got := needsToken(op); got != (r.Access == web.SignedIn || r.Access == web.Admin) {
				t.Errorf("%s %s: the document asks for a token: %v, the route has access %v", r.Method, r.Pattern, got, r.Access)
			}
		}
	})
}

// needsToken reports whether an operation has no alternative without a token.
func needsToken(op map[string]any) bool {
	alternatives, _ := op["security"].([]any)
	for _, a := range alternatives {
		if len(a.(map[string]any)) == 0 {
			return false
		}
	}
	return len(alternatives) > 0
}

// The suite's own judge must see what it is there for.
func TestTheJudgeOfAnswersBites(t *testing.T) {
	good := func() *answer {
		a := &answer{t: t, Status: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"a"}}, Body: []byte(`{"status":"OK","timestamp":"2024-03-13T08:00:00.000Z","uptime":1}`)}
		for name, value := range helmet {
			a.Header.Set(name, value)
		}
		return a
	}
	if err := theContract().check("GET", "/health", good()); err != nil {
		t.Fatalf("a good answer is refused: %v", err)
	}
	if equalIDs([]any{map[string]any{"post": map[string]any{"_id": "a", "id": "b"}}}) == nil {
		t.Error("_id and id differ: accepted")
	}
	for name, spoil := range map[string]func(*answer){
		"status": func(a *answer) { a.Status = 201 },
		"field": func(a *answer) {
			a.Body = []byte(`{"status":"OK","timestamp":"2024-03-13T08:00:00.000Z","uptime":1,"x":1}`)
		},
		"type": func(a *answer) {
			a.Body = []byte(`{"status":"OK","timestamp":"2024-03-13T08:00:00.000Z","uptime":"1"}`)
		},
		"missing":      func(a *answer) { a.Body = []byte(`{"status":"OK"}`) },
		"content type": func(a *answer) { a.Header.Set("Content-Type", "text/html") },
		"request id":   func(a *answer) { a.Header.Set("X-Request-Id", "a b") },
		"helmet":       func(a *answer) { a.Header.Del("X-Frame-Options") },
		"helmet twice": func(a *answer) { a.Header.Add("X-Frame-Options", "SAMEORIGIN") },
		"leak": func(a *answer) {
			a.Status = 500
			a.Body = []byte(`{"error":"sqlite: no such table","code":"INTERNAL","requestId":"a"}`)
		},
	} {
		a := good()
		if spoil(a); theContract().check("GET", "/health", a) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
