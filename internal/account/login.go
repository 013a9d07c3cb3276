package account

import (
	"context"
	"math"

	"inkstone/internal/auth"
	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// LoginLimits bound failed logins in the Limiter's window; 0 turns one off.
type LoginLimits struct {
	PerAccount int // for one address of an account from one IP
	PerIP      int // for one IP
}

// LoginResult is how a login ended that was neither malformed nor prevented by us.
type LoginResult string

// The results of logins.
const (
	LoginOK      LoginResult = "ok"
	LoginFailed  LoginResult = "failed"  // CodeBadCredentials
	LoginLimited LoginResult = "limited" // CodeRateLimited, after too many that failed
)

// Login signs in. Only failures count towards the limits, which are asked before
// anything is hashed. CodeInvalid, CodeBusy, CodeRateLimited; CodeBadCredentials, after
// the same time, for a wrong address, a wrong password and a disabled user.
func (s *Service) Login(ctx context.Context, email, password, ip string) (*blog.User, string, error) {
	u, token, err := s.tryLogin(ctx, email, password, ip)
	switch {
	case err == nil:
		s.loggedIn(LoginOK)
	case blog.CodeOf(err) == blog.CodeBadCredentials:
		s.loggedIn(LoginFailed)
	case blog.CodeOf(err) == blog.CodeRateLimited:
		s.loggedIn(LoginLimited)
	}
	return u, token, err
}

func (s *Service) tryLogin(ctx context.Context, email, password, ip string) (*blog.User, string, error) {
	email = blog.NormalEmail(email)
	if err := checkCredentials(email, password); err != nil {
		return nil, "", err
	}
	refund, err := s.reserve(ctx, email, ip)
	if err != nil {
		return nil, "", err
	}
	u, err := s.authenticate(ctx, email, password, ip)
	if err == nil {
		u, err = s.signedIn(ctx, u, password)
	}
	if blog.CodeOf(err) != blog.CodeBadCredentials {
		refund()
	}
	if err != nil {
		return nil, "", err
	}
	token, err := s.tokens.Issue(u)
	return u, token, err
}

func checkCredentials(email, password string) error {
	var p blog.Problems
	blog.CheckEmail(&p, email)
	p.Check(password != "", "password", blog.RulePasswordRequired)
	return p.Err()
}

// authenticate compares once, whatever is found: without a user, with no hash.
func (s *Service) authenticate(ctx context.Context, email, password, ip string) (*blog.User, error) {
	u, err := s.users.GetByEmail(ctx, email)
	if blog.CodeOf(err) == blog.CodeUserNotFound {
		u, err = &blog.User{}, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := s.passwords.Verify(ctx, auth.Asker{Account: email, Address: ip}, u.PasswordHash, password)
	if err != nil {
		return nil, err
	}
	if !ok || !u.Active {
		return nil, blog.Fail(blog.CodeBadCredentials)
	}
	return u, nil
}

// signedIn notes the login, and renews a hash that has become too cheap if there
// is a worker free for it. A user who was disabled or got another password
// meanwhile, which ends his tokens, is not let in; that another login has renewed
// the hash is no change of the password.
func (s *Service) signedIn(ctx context.Context, u *blog.User, password string) (*blog.User, error) {
	version, renewed := u.TokenVersion, ""
	if s.passwords.Outdated(u.PasswordHash) {
		if hash, err := s.passwords.Hash(ctx, password); err == nil {
			renewed = hash
		}
	}
	u, err := s.users.Update(ctx, u.ID, func(u *blog.User) error {
		if !u.Active || u.TokenVersion != version {
			return blog.Fail(blog.CodeBadCredentials)
		}
		if renewed != "" {
			u.PasswordHash = renewed
		}
		u.LastLogin = s.now()
		return nil
	})
	if blog.CodeOf(err) == blog.CodeUserNotFound {
		err = blog.Fail(blog.CodeBadCredentials)
	}
	return u, err
}

// reserve counts the attempt as failed until refund says otherwise.
func (s *Service) reserve(ctx context.Context, email, ip string) (refund func(), err error) {
	var counts []Count
	if s.limits.PerIP > 0 {
		counts = append(counts, Count{"login " + ip, s.limits.PerIP})
	}
	if s.limits.PerAccount > 0 {
		counts = append(counts, Count{"login " + ip + " " + email, s.limits.PerAccount})
	}
	if len(counts) == 0 {
		return func() {}, nil
	}
	if wait := s.limiter.Take(ctx, counts...); wait > 0 {
		return nil, web.RetryAfter(blog.Fail(blog.CodeRateLimited), int(math.Ceil(wait.Seconds())))
	}
	// A client that hangs up must not leave a right login counted as a failed one.
	ctx = context.WithoutCancel(ctx)
	return func() { s.limiter.Refund(ctx, counts...) }, nil
}
