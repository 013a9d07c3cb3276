package account

import (
	"context"

	"inkstone/internal/blog"
)

// Promote makes the user with that address an admin, for the command line. CodeUserNotFound.
func (s *Service) Promote(ctx context.Context, email string) (*blog.User, error) {
	role := blog.RoleAdmin
	return s.changeByEmail(ctx, email, Change{Role: &role})
}

// SetActive enables or disables the user with that address. CodeUserNotFound, CodeLastAdmin.
func (s *Service) SetActive(ctx context.Context, email string, active bool) (*blog.User, error) {
	return s.changeByEmail(ctx, email, Change{Active: &active})
}

func (s *Service) changeByEmail(ctx context.Context, email string, c Change) (*blog.User, error) {
	u, err := s.byEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	return s.Change(ctx, u.ID, c)
}

// SetPassword sets a password without asking for the old one, and ends the
// user's tokens. CodeInvalid, CodeUserNotFound.
func (s *Service) SetPassword(ctx context.Context, email, password string) error {
	var p blog.Problems
	blog.CheckPassword(&p, "password", password)
	if err := p.Err(); err != nil {
		return err
	}
	u, err := s.byEmail(ctx, email)
	if err != nil {
		return err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, u.ID, func(u *blog.User) error {
		u.PasswordHash = hash
		u.EndTokens(s.now())
		return nil
	})
	return err
}

func (s *Service) byEmail(ctx context.Context, email string) (*blog.User, error) {
	return s.users.GetByEmail(ctx, blog.NormalEmail(email))
}
