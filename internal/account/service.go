// Package account is the service of users: registration, login and logout,
// profiles, and what admins do with accounts. Tokens and hashing are package auth's.
package account

import (
	"context"
	"time"

	"inkstone/internal/auth"
	"inkstone/internal/blog"
)

// Limiter counts attempts by key in a window of time.
type Limiter interface {
	// Take counts one attempt for each of counts. If one of them has its most already
	// it counts nothing and returns how long until the next is allowed, else 0.
	Take(ctx context.Context, counts ...Count) (wait time.Duration)
	// Refund takes back the attempt that Take counted.
	Refund(ctx context.Context, counts ...Count)
}

// Count is what attempts are counted for, at least one, and how many are allowed.
type Count struct {
	Key  string
	Most int
}

// Options are what the service needs. To manage accounts without anybody signing in,
// Users, Passwords and Now are enough; to mount the routes, all must be set.
type Options struct {
	Users     blog.Users
	Tokens    *auth.Tokens
	Passwords *auth.Passwords
	Limiter   Limiter
	Login     LoginLimits
	LoggedIn  func(LoginResult) // told of each login that was tried; may be nil
	Now       func() time.Time
}

// Service holds the rules of accounts.
type Service struct {
	users     blog.Users
	tokens    *auth.Tokens
	passwords *auth.Passwords
	limiter   Limiter
	limits    LoginLimits
	loggedIn  func(LoginResult)
	clock     func() time.Time
}

// New makes the service.
func New(o Options) *Service {
	if o.LoggedIn == nil {
		o.LoggedIn = func(LoginResult) {}
	}
	return &Service{o.Users, o.Tokens, o.Passwords, o.Limiter, o.Login, o.LoggedIn, o.Now}
}

func (s *Service) now() time.Time { return blog.ToMillisecond(s.clock()) }

// Register makes an account and signs it in. CodeInvalid, CodeEmailTaken, CodeUsernameTaken, CodeBusy.
func (s *Service) Register(ctx context.Context, in blog.NewUser) (*blog.User, string, error) {
	u, err := s.CreateUser(ctx, in, blog.RoleUser)
	if err != nil {
		return nil, "", err
	}
	token, err := s.tokens.Issue(u)
	return u, token, err
}

// CreateUser makes an account with a role. Errors as Register.
func (s *Service) CreateUser(ctx context.Context, in blog.NewUser, role blog.Role) (*blog.User, error) {
	in.Normalize()
	if err := in.Validate(); err != nil {
		return nil, err
	}
	hash, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	now := s.now()
	u := &blog.User{
		ID: blog.NewID(now), Username: in.Username, Email: in.Email, PasswordHash: hash,
		Role: role, Active: true, CreatedAt: now, UpdatedAt: now,
	}
	if err := s.users.Create(ctx, u); err != nil {
		return nil, err
	}
	return u, nil
}

// Get returns a user. CodeUserNotFound.
func (s *Service) Get(ctx context.Context, id blog.ID) (*blog.User, error) {
	return s.users.Get(ctx, id)
}

// List returns users.
func (s *Service) List(ctx context.Context, f blog.UserFilter) (blog.Listed[*blog.User], error) {
	return s.users.List(ctx, f)
}

// Refresh makes another token for the token's user; the old one stays good. The
// user is read again, so it is looked at again whether the token still counts: a
// password change in between must not be survived by a new token. CodeUserDisabled;
// else codes as auth.Tokens.Parse.
func (s *Service) Refresh(ctx context.Context, raw string) (string, error) {
	t, err := s.tokens.Parse(raw)
	if err != nil {
		return "", err
	}
	u, err := s.users.Get(ctx, t.User)
	switch {
	case blog.CodeOf(err) == blog.CodeUserNotFound:
		return "", blog.Fail(blog.CodeUserDisabled)
	case err != nil:
		return "", err
	case !u.Active:
		return "", blog.Fail(blog.CodeUserDisabled)
	case !t.Current(u.TokenVersion, u.TokensFrom):
		return "", blog.Fail(blog.CodeTokenInvalid)
	}
	return s.tokens.Issue(u)
}

// Logout ends the token. Codes as auth.Tokens.Parse.
func (s *Service) Logout(ctx context.Context, raw string) error {
	t, err := s.tokens.Parse(raw)
	if err != nil {
		return err
	}
	return s.users.RevokeToken(ctx, t.User, t.Key, t.Expires)
}

// Edit changes a profile. CodeInvalid, CodeEmailTaken, CodeUsernameTaken.
func (s *Service) Edit(ctx context.Context, id blog.ID, patch blog.UserPatch) (*blog.User, error) {
	return s.update(ctx, id, patch.Apply)
}

// checkEdit reports what Edit would find broken.
func (s *Service) checkEdit(ctx context.Context, id blog.ID, patch blog.UserPatch) error {
	u, err := s.users.Get(ctx, id)
	if err != nil {
		return err
	}
	return patch.Apply(u)
}

// ChangePassword sets a new password, ends every token of the user and answers a
// fresh one. CodeInvalid, CodeWrongPassword, CodeBusy.
func (s *Service) ChangePassword(ctx context.Context, id blog.ID, current, next string) (string, error) {
	if err := checkPasswords(current, next); err != nil {
		return "", err
	}
	u, err := s.users.Get(ctx, id)
	if err != nil {
		return "", err
	}
	if err := s.checkPassword(ctx, u, current); err != nil {
		return "", err
	}
	return s.replacePassword(ctx, u, next)
}

func checkPasswords(current, next string) error {
	var p blog.Problems
	p.Check(current != "", "currentPassword", blog.RulePasswordRequired)
	blog.CheckPassword(&p, "newPassword", next)
	return p.Err()
}

func (s *Service) checkPassword(ctx context.Context, u *blog.User, password string) error {
	ok, err := s.passwords.Verify(ctx, auth.Asker{Account: u.Email}, u.PasswordHash, password)
	if err == nil && !ok {
		err = blog.Fail(blog.CodeWrongPassword)
	}
	return err
}

func (s *Service) replacePassword(ctx context.Context, u *blog.User, next string) (string, error) {
	hash, err := s.passwords.Hash(ctx, next)
	if err != nil {
		return "", err
	}
	version := u.TokenVersion
	u, err = s.update(ctx, u.ID, func(u *blog.User) error {
		if u.TokenVersion != version { // another change came first: what was checked is no longer the password
			return blog.Fail(blog.CodeWrongPassword)
		}
		u.PasswordHash = hash
		u.EndTokens(s.now())
		return nil
	})
	if err != nil {
		return "", err
	}
	return s.tokens.Issue(u)
}

// Change is what an admin may change of a user; nil keeps the value.
type Change struct {
	Role   *blog.Role
	Active *bool
}

func (c Change) apply(u *blog.User, now time.Time) error {
	if c.Role != nil {
		if *c.Role != blog.RoleUser && *c.Role != blog.RoleAdmin {
			return blog.Invalid("role", blog.RuleRole)
		}
		u.Role = *c.Role
	}
	if c.Active != nil {
		if u.Active && !*c.Active {
			u.EndTokens(now)
		}
		u.Active = *c.Active
	}
	return nil
}

// Change applies c. CodeInvalid, CodeUserNotFound, CodeLastAdmin.
func (s *Service) Change(ctx context.Context, id blog.ID, c Change) (*blog.User, error) {
	return s.update(ctx, id, func(u *blog.User) error { return c.apply(u, s.now()) })
}

// Delete removes a user with all he wrote, for himself or an admin.
// CodeUserNotFound, CodeNotOwner, CodeLastAdmin.
func (s *Service) Delete(ctx context.Context, who blog.Actor, id blog.ID) error {
	return s.users.Delete(ctx, id, func(u *blog.User) error {
		if !who.Owns(u.ID) {
			return blog.Fail(blog.CodeNotOwner)
		}
		return nil
	})
}

func (s *Service) update(ctx context.Context, id blog.ID, change func(*blog.User) error) (*blog.User, error) {
	return s.users.Update(ctx, id, func(u *blog.User) error {
		if err := change(u); err != nil {
			return err
		}
		u.UpdatedAt = s.now()
		return nil
	})
}
