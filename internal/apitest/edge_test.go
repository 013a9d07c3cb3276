package apitest

import (
	"strings"
	"testing"
)

// What the contract demands of every answer (helmet's headers, X-Request-Id,
// nothing told by errors) is checked with each request of this suite, see
// checkEverywhere.

func TestUnknownRoutesAndMethodsAreTold(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		for _, path := range []string{"/", "/api", "/api/", "/api/nothing", "/api/posts/a/b/c", "/api/auth", "/favicon.ico", "/uploadsx", "/api/admin", "/%E7%A0%9A"} {
			s.Anyone.Get(path).Refused(404, "ROUTE_NOT_FOUND").Says("error", "接口不存在")
		}
		s.Anyone.Get("/api/nothing").Says("path", "/api/nothing")
		for path, want := range map[string]string{
			"/api/posts": "GET, HEAD, POST", "/api/posts/tags": "", "/health": "GET, HEAD", "/api/auth/login": "POST", "/metrics": "GET, HEAD",
		} {
			a := s.Anyone.Delete(path)
			if path == "/api/posts/tags" {
				continue // DELETE /api/posts/{id} takes it
			}
			a.Refused(405, "METHOD_NOT_ALLOWED").Says("error", "请求方法不被允许")
			for method := range strings.SplitSeq(want, ", ") {
				if !strings.Contains(a.Header.Get("Allow"), method) {
					t.Errorf("%s: Allow %q lacks %s", path, a.Header.Get("Allow"), method)
				}
			}
		}
		s.Anyone.Get("/api/auth/login").Refused(405, "METHOD_NOT_ALLOWED")
		s.Anyone.Send("TRACE", "/api/posts", nil).Expect(405)
		s.Anyone.Send("BREW", "/api/posts", nil).Expect(405)
	})
}

func TestATrailingSlashIsAccepted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		id := s.User().Write("published", nil)
		for _, path := range []string{"/api/posts/", "/api/posts/" + id + "/", "/api/posts/tags/", "/api/posts/" + id + "/comments/", "/health/", "/api/posts/?page=1"} {
			s.Anyone.Get(path).Expect(200)
		}
		s.Anyone.Post("/api/auth/login/", object{"email": adminEmail, "password": password}).Expect(200)
	})
}

func TestErrorsAreEnglishForWhoAsks(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		for _, language := range []string{"en", "en-US,en;q=0.9", "fr, en;q=0.5, zh;q=0.1"} {
			c := s.Anyone.With("Accept-Language", language)
			for _, a := range []*answer{c.Get("/api/nothing"), c.Post("/api/auth/register", "{}"), c.Get("/api/posts?page=x"), c.Get("/api/auth/me")} {
				for _, text := range []string{a.Str("error"), a.Str("details")} {
					if strings.ContainsFunc(text, func(r rune) bool { return r > 0x2E80 }) {
						t.Errorf("%s under %s: %q", a.what, language, text)
					}
				}
			}
		}
		s.Anyone.With("Accept-Language", "zh-CN,en;q=0.5").Get("/api/nothing").Says("error", "接口不存在")
		s.Anyone.With("Accept-Language", "???;;q=x").Get("/api/nothing").Says("error", "接口不存在")
	})
}

func TestASaneRequestIdIsTakenOver(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		if got := s.Anyone.With("X-Request-Id", "abc-1.2_3").Get("/health").Header.Get("X-Request-Id"); got != "abc-1.2_3" {
			t.Errorf("X-Request-Id %q", got)
		}
		for _, bad := range []string{"a b", "<script>", repeat("a", 65), "砚", "a;b"} {
			if got := s.Anyone.With("X-Request-Id", bad).Get("/health").Header.Get("X-Request-Id"); got == bad || got == "" {
				t.Errorf("X-Request-Id %q", got)
			}
		}
	})
}

func TestOnlyAllowedOriginsGetCORSHeaders(t *testing.T) {
	each(t, settings{"ALLOWED_ORIGINS": "https://ink.example , http://localhost:3000"}, func(t *testing.T, s *site) {
		for _, origin := range []string{"https://ink.example", "http://localhost:3000"} {
			a := s.Anyone.With("Origin", origin).Get("/api/posts").Expect(200)
			if a.Header.Get("Access-Control-Allow-Origin") != origin || a.Header.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s: %v", origin, a.Header)
			}
			for _, headers := range []string{"authorization,content-type", "Content-Type, Authorization", "content-type,authorization,traceparent"} {
				p := s.Anyone.With("Origin", origin).With("Access-Control-Request-Method", "PUT").With("Access-Control-Request-Headers", headers).Send("OPTIONS", "/api/posts/x", nil).Expect(204)
				if p.Header.Get("Access-Control-Allow-Origin") != origin || p.Header.Get("Access-Control-Allow-Methods") != "PUT" || p.Header.Get("Access-Control-Allow-Headers") != headers {
					t.Errorf("preflight for %s: %v", headers, p.Header)
				}
			}
		}
		for _, origin := range []string{"https://evil.example", "https://ink.example.evil.example", "null", "http://ink.example", "https://INK.example.evil", "https://ink.example:444"} {
			a := s.Anyone.With("Origin", origin).Get("/api/posts").Expect(200)
			if got := a.Header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s is allowed: %q", origin, got)
			}
			s.Anyone.With("Origin", origin).With("Access-Control-Request-Method", "PUT").Send("OPTIONS", "/api/posts", nil)
		}
		if a := s.Anyone.Get("/api/posts"); !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("Vary %q", a.Header.Values("Vary"))
		}
	})
}

func TestHeadAnswersWhereverGetDoes(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		id := s.User().Write("published", nil)
		for _, path := range []string{"/api/posts", "/api/posts/" + id, "/api/posts/tags", "/api/posts/" + id + "/comments", "/health", "/livez", "/readyz", "/metrics", "/openapi.json", "/openapi.yaml", "/docs"} {
			get, head := s.Anyone.Get(path), s.Anyone.Head(path)
			if head.Status != get.Status || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
				t.Errorf("%s: HEAD %d %q, GET %d %q", path, head.Status, head.Header.Get("Content-Type"), get.Status, get.Header.Get("Content-Type"))
			}
		}
	})
}
