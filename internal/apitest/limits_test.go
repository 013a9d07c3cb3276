package apitest

import (
	"strconv"
	"testing"
	"time"
)

func TestAnAnonymousAddressHasItsLimitExactly(t *testing.T) {
	each(t, settings{"RATE_LIMIT_MAX": "12", "RATE_LIMIT_USER_MAX": "20"}, func(t *testing.T, s *site) { // the admin's login was the first
		paths := []string{"/api/posts", "/api/posts/", "/api/posts/tags", "/api/nothing", "/api/users/x", "/api/posts?page=x"}
		for i := range 11 {
			a := s.Anyone.Get(paths[i%len(paths)])
			if a.Status == 429 {
				t.Fatalf("request %d is refused", i+2)
			}
			if got, want := a.Header.Get("RateLimit-Remaining"), strconv.Itoa(10-i); got != want || a.Header.Get("X-RateLimit-Remaining") != want || a.Header.Get("RateLimit-Limit") != "12" {
				t.Errorf("request %d: remaining %q, want %q; limit %q", i+2, got, want, a.Header.Get("RateLimit-Limit"))
			}
		}
		a := s.Anyone.Get("/api/posts").Refused(429, "RATE_LIMITED").Says("error", "请求过于频繁，请稍后再试")
		if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 || n > 900 {
			t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
		for _, path := range []string{"/api/nothing", "/api/posts/", "//api/posts", "/api/./posts", "/%61pi/posts"} {
			a, err := s.Anyone.Try("GET", path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status == 200 {
				t.Errorf("%s passes the limit", path)
			}
		}
		s.Anyone.With("X-Forwarded-For", "203.0.113.9").Get("/api/posts").Refused(429, "RATE_LIMITED")
		s.Anyone.WithToken("x.y.z").Get("/api/posts").Expect(429)
		for _, path := range []string{"/health", "/livez", "/readyz", "/metrics"} {
			s.Anyone.Get(path).Expect(200)
		}
		s.Anyone.Get("/uploads/image/none.png").Refused(404, "FILE_NOT_FOUND")
		for i := range 20 {
			if a := s.Admin.Get("/api/posts"); a.Status != 200 {
				t.Fatalf("signed in, request %d: %d", i+1, a.Status)
			}
		}
		s.Admin.Get("/api/posts").Refused(429, "RATE_LIMITED")
	})
}

func TestTheLimitEndsWithItsWindow(t *testing.T) {
	eachAlone(t, settings{"RATE_LIMIT_MAX": "3", "RATE_LIMIT_WINDOW": "1s"}, func(t *testing.T, s *site) {
		a := s.Anyone.Get("/api/posts")
		for n := 1; a.Status == 200 && n < 50; n++ { // four, where four take less than a second
			a = s.Anyone.Get("/api/posts")
		}
		a.Refused(429, "RATE_LIMITED")
		time.Sleep(1100 * time.Millisecond)
		s.Anyone.Get("/api/posts").Expect(200)
	})
}

func TestATrustedProxyNamesTheClient(t *testing.T) {
	each(t, settings{"RATE_LIMIT_MAX": "5", "TRUSTED_PROXIES": "127.0.0.0/8"}, func(t *testing.T, s *site) {
		first := s.Anyone.With("X-Forwarded-For", "10.9.9.9, 203.0.113.9")
		for range 5 {
			first.Get("/api/posts").Expect(200)
		}
		first.Get("/api/posts").Refused(429, "RATE_LIMITED")
		s.Anyone.With("X-Forwarded-For", "1.2.3.4, 203.0.113.9").Get("/api/posts").Refused(429, "RATE_LIMITED") // what the client made up
		s.Anyone.With("X-Forwarded-For", "203.0.113.10").Get("/api/posts").Expect(200)
	})
}

func TestFailedLoginsAreLimitedPerAccountBeforeAnyHash(t *testing.T) {
	each(t, settings{"LOGIN_LIMIT_MAX": "10", "LOGIN_LIMIT_IP_MAX": "100"}, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		wrong := object{"email": u.Email, "password": "not " + password}
		for range 10 {
			s.Anyone.Post("/api/auth/login", wrong).Refused(401, "BAD_CREDENTIALS")
		}
		a := s.Anyone.Post("/api/auth/login", wrong).Refused(429, "RATE_LIMITED").Says("error", "请求过于频繁，请稍后再试")
		if a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		wrong["email"] = " " + u.Email
		s.Anyone.Post("/api/auth/login", wrong).Refused(429, "RATE_LIMITED")
		for range 12 {
			s.Login(other.Email, other.Password) // right ones do not count
		}
	})
}

func TestFailedLoginsAreLimitedPerAddress(t *testing.T) {
	each(t, settings{"LOGIN_LIMIT_MAX": "10", "LOGIN_LIMIT_IP_MAX": "15"}, func(t *testing.T, s *site) {
		for i := range 15 {
			s.Anyone.Post("/api/auth/login", object{"email": "a" + strconv.Itoa(i) + "@example.com", "password": password}).Refused(401, "BAD_CREDENTIALS")
		}
		s.Anyone.Post("/api/auth/login", object{"email": "b@example.com", "password": password}).Refused(429, "RATE_LIMITED")
	})
}
