package account

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/auth"
	"inkstone/internal/blog"
	"inkstone/internal/store"
)

type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) Take(_ context.Context, key string, most int) (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key] >= most {
		return time.Minute, nil
	}
	c.n[key]++
	return 0, nil
}

func (c *counts) Refund(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[key]--
	return nil
}

func newService(t *testing.T) (*Service, *auth.Verifier) {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	passwords, err := auth.NewPasswords(4)
	if err != nil {
		t.Fatal(err)
	}
	tokens := auth.NewTokens([]byte("a secret of thirty-two bytes, no less"), time.Hour, time.Now)
	return New(Options{
		Users: s.Users(), Tokens: tokens, Passwords: passwords, Limiter: &counts{n: map[string]int{}},
		Login: LoginLimits{PerAccount: 10, PerIP: 100}, Now: time.Now,
	}), auth.NewVerifier(tokens, s.Users())
}

func register(t *testing.T, s *Service) (*blog.User, string) {
	t.Helper()
	u, token, err := s.Register(t.Context(), blog.NewUser{Username: "ada", Email: "ada@example.com", Password: "secret1"})
	if err != nil {
		t.Fatal(err)
	}
	return u, token
}

func TestExactlyTenFailedLoginsPerAccountAreTried(t *testing.T) {
	s, _ := newService(t)
	register(t, s)
	for range 12 {
		if _, _, err := s.Login(t.Context(), "ADA@example.com", "secret1", "::1"); err != nil {
			t.Fatal("a right login counts:", err)
		}
	}
	var tried atomic.Int64
	var all sync.WaitGroup
	for range 15 {
		all.Go(func() {
			_, _, err := s.Login(t.Context(), "ada@example.com", "wrong1", "::1")
			if blog.CodeOf(err) == blog.CodeBadCredentials {
				tried.Add(1)
			}
		})
	}
	all.Wait()
	if tried.Load() != 10 {
		t.Errorf("%d tried", tried.Load())
	}
	if _, _, err := s.Login(t.Context(), "ada@example.com", "secret1", "::2"); err != nil {
		t.Error("the owner is locked out elsewhere:", err)
	}
}

func TestAPasswordChangeEndsOldTokensAtOnce(t *testing.T) {
	s, v := newService(t)
	u, old := register(t, s)
	fresh, err := s.ChangePassword(t.Context(), u.ID, "secret1", "secret2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), old); blog.CodeOf(err) != blog.CodeTokenInvalid {
		t.Error("old token:", err)
	}
	if _, err := v.Verify(t.Context(), fresh); err != nil {
		t.Error("fresh token of the same second:", err)
	}
	if err := s.Logout(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), fresh); blog.CodeOf(err) != blog.CodeTokenInvalid {
		t.Error("logged out token:", err)
	}
}

func TestADisabledUserIsOutAtOnceAndLooksUnknown(t *testing.T) {
	s, v := newService(t)
	_, token := register(t, s)
	if _, err := s.SetActive(t.Context(), "ada@example.com", false); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), token); blog.CodeOf(err) != blog.CodeUserDisabled {
		t.Error("token:", err)
	}
	if _, _, err := s.Login(t.Context(), "ada@example.com", "secret1", "::1"); blog.CodeOf(err) != blog.CodeBadCredentials {
		t.Error("login:", err)
	}
}
