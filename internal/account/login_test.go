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

func (c *counts) Take(_ context.Context, of ...Count) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range of {
		if c.n[one.Key] >= one.Most {
			return time.Minute
		}
	}
	for _, one := range of {
		c.n[one.Key]++
	}
	return 0
}

func (c *counts) Refund(ctx context.Context, of ...Count) {
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range of {
		c.n[one.Key]--
	}
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
			code := blog.CodeBusy // on a slow machine; who is told so has not tried
			for code == blog.CodeBusy {
				_, _, err := s.Login(t.Context(), "ada@example.com", "wrong1", "::1")
				code = blog.CodeOf(err)
			}
			if code == blog.CodeBadCredentials {
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

func TestATokenThatEndedIsNotRefreshed(t *testing.T) {
	s, _ := newService(t)
	u, token := register(t, s)
	if _, err := s.Refresh(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	fresh, err := s.ChangePassword(t.Context(), u.ID, "secret1", "secret2")
	if err != nil {
		t.Fatal(err)
	}
	// Both were let in before the change, and come here after it.
	if _, err := s.Refresh(t.Context(), token); blog.CodeOf(err) != blog.CodeTokenInvalid {
		t.Error("after a password change:", err)
	}
	if _, err := s.SetActive(t.Context(), "ada@example.com", false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(t.Context(), fresh); blog.CodeOf(err) != blog.CodeUserDisabled {
		t.Error("of a disabled user:", err)
	}
	if err := s.Delete(t.Context(), blog.Actor{ID: u.ID}, u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(t.Context(), fresh); blog.CodeOf(err) != blog.CodeUserDisabled {
		t.Error("of a deleted user:", err)
	}
}

func TestTokensOfADisabledUserStayEndedWhenHeIsEnabled(t *testing.T) {
	s, v := newService(t)
	_, token := register(t, s)
	for _, active := range []bool{false, true} {
		if _, err := s.SetActive(t.Context(), "ada@example.com", active); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.Verify(t.Context(), token); blog.CodeOf(err) != blog.CodeTokenInvalid {
		t.Error("old token:", err)
	}
	if _, _, err := s.Login(t.Context(), "ada@example.com", "secret1", "::1"); err != nil {
		t.Error("login:", err)
	}
}

// What was read before another change of the password counts no more.
func TestAPasswordThatChangedMeanwhileLetsNobodyIn(t *testing.T) {
	s, _ := newService(t)
	stale, _ := register(t, s)
	if _, err := s.ChangePassword(t.Context(), stale.ID, "secret1", "secret2"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.replacePassword(t.Context(), stale, "secret3"); blog.CodeOf(err) != blog.CodeWrongPassword {
		t.Error("a second change:", err)
	}
	if _, err := s.signedIn(t.Context(), stale, "secret1"); blog.CodeOf(err) != blog.CodeBadCredentials {
		t.Error("a login with the old password:", err)
	}
	current, err := s.Get(t.Context(), stale.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetActive(t.Context(), stale.Email, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.signedIn(t.Context(), current, "secret2"); blog.CodeOf(err) != blog.CodeBadCredentials {
		t.Error("a login of a user disabled meanwhile:", err)
	}
}

func TestALoginRefusedForItsAccountDoesNotCountForTheAddress(t *testing.T) {
	s, _ := newService(t)
	s.limits = LoginLimits{PerAccount: 1, PerIP: 2}
	register(t, s)
	for i, want := range []blog.Code{blog.CodeBadCredentials, blog.CodeRateLimited, blog.CodeRateLimited, blog.CodeRateLimited} {
		if _, _, err := s.Login(t.Context(), "nobody@example.com", "wrong", "::1"); blog.CodeOf(err) != want {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if _, _, err := s.Login(t.Context(), "ada@example.com", "secret1", "::1"); err != nil {
		t.Error("another account from there:", err)
	}
}

func TestAClientThatHangsUpIsNotCountedAsAFailure(t *testing.T) {
	s, _ := newService(t)
	ctx, hangUp := context.WithCancel(t.Context())
	refund, err := s.reserve(ctx, "ada@example.com", "::1")
	if err != nil {
		t.Fatal(err)
	}
	hangUp()
	refund()
	for key, n := range s.limiter.(*counts).n {
		if n != 0 {
			t.Errorf("%s: %d counted", key, n)
		}
	}
}

func TestALoginRenewsAHashThatHasBecomeCheap(t *testing.T) {
	s, _ := newService(t)
	register(t, s)
	dearer, err := auth.NewPasswords(5)
	if err != nil {
		t.Fatal(err)
	}
	s.passwords = dearer
	for range 2 { // by the old hash, then by the new one
		u, _, err := s.Login(t.Context(), "ada@example.com", "secret1", "::1")
		if err != nil {
			t.Fatal(err)
		}
		if dearer.Outdated(u.PasswordHash) {
			t.Error("still the cheap hash")
		}
	}
}

// Two who sign in at once both find the cheap hash, and one renews it first.
func TestARenewedHashIsStillThePasswordThatWasChecked(t *testing.T) {
	s, _ := newService(t)
	read, _ := register(t, s)
	dearer, err := auth.NewPasswords(5)
	if err != nil {
		t.Fatal(err)
	}
	s.passwords = dearer
	if _, _, err := s.Login(t.Context(), "ada@example.com", "secret1", "::1"); err != nil {
		t.Fatal(err)
	}
	u, err := s.signedIn(t.Context(), read, "secret1")
	if err != nil {
		t.Fatal("the other login:", err)
	}
	if dearer.Outdated(u.PasswordHash) {
		t.Error("the cheap hash is back")
	}
	if _, err := s.replacePassword(t.Context(), read, "secret2"); err != nil {
		t.Error("a change of the password:", err)
	}
}
