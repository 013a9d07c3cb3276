package storetest

import (
	"time"

	"inkstone/internal/blog"
)

var adminPromises = []promise{
	{"the first admin is made once, however many try at once", oneFirstAdmin},
	{"the first admin's name can be taken", firstAdminTaken},
	{"an admin who is disabled is an admin who is there", disabledAdminIsThere},
	{"the last active admin can be neither demoted, disabled nor deleted", lastAdminStays},
	{"a store without admins lets its users change and go", noAdminsNoRule},
	{"an admin who is disabled does not count", disabledAdminDoesNotCount},
	{"of two demotions of the last two admins at once exactly one fails", demotionsAtOnce},
	{"of two deletions of the last two admins at once exactly one fails", deletionsAtOnce},
}

func oneFirstAdmin(w *world) {
	const n = 10
	us := make([]*blog.User, n)
	for i := range us {
		us[i] = w.newUser("admin" + string(rune('a'+i)))
		us[i].Role = blog.RoleAdmin
	}
	created := make([]bool, n)
	w.allOK(together(n, func(i int) (err error) {
		created[i], err = w.Users().CreateFirstAdmin(w.ctx, us[i])
		return err
	}))
	admins := w.listUsers(blog.UserFilter{})
	w.same("admins", admins.Total, int64(1))
	for i, made := range created {
		w.same("created "+us[i].Username, made, us[i].ID == admins.Items[0].ID)
	}
}

func firstAdminTaken(w *world) {
	u := w.user("root")
	admin := w.newUser("ROOT")
	admin.Email, admin.Role = "root@example.com", blog.RoleAdmin
	_, err := w.Users().CreateFirstAdmin(w.ctx, admin)
	w.fails(err, blog.CodeUsernameTaken)
	admin.Email = u.Email
	_, err = w.Users().CreateFirstAdmin(w.ctx, admin)
	w.fails(err, blog.CodeEmailTaken)
}

func disabledAdminIsThere(w *world) {
	u := w.newUser("disabled")
	u.Role, u.Active = blog.RoleAdmin, false
	w.ok(w.Users().Create(w.ctx, u))
	created, err := w.Users().CreateFirstAdmin(w.ctx, w.newUser("first"))
	w.ok(err)
	w.same("created", created, false)
	w.same("users", w.userNames(blog.UserFilter{}), []string{"disabled"})
}

func demote(u *blog.User) error  { u.Role = blog.RoleUser; return nil }
func disable(u *blog.User) error { u.Active = false; return nil }

func lastAdminStays(w *world) {
	w.user("somebody else")
	u := w.admin("admin")
	for _, change := range []func(*blog.User) error{demote, disable} {
		_, err := w.Users().Update(w.ctx, u.ID, change)
		w.fails(err, blog.CodeLastAdmin)
	}
	w.fails(w.Users().Delete(w.ctx, u.ID, anyUser), blog.CodeLastAdmin)
	w.same("admin", w.storedUser(u), u)

	_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.Avatar = "https://example.com/a"; return nil })
	w.ok(err)
	w.admin("second")
	_, err = w.Users().Update(w.ctx, u.ID, demote)
	w.ok(err)
}

func noAdminsNoRule(w *world) {
	u := w.user("user")
	_, err := w.Users().Update(w.ctx, u.ID, disable)
	w.ok(err)
	w.ok(w.Users().Delete(w.ctx, u.ID, anyUser))
}

func disabledAdminDoesNotCount(w *world) {
	a, b := w.admin("a"), w.admin("b")
	_, err := w.Users().Update(w.ctx, a.ID, disable)
	w.ok(err)
	_, err = w.Users().Update(w.ctx, b.ID, demote)
	w.fails(err, blog.CodeLastAdmin)
	w.fails(w.Users().Delete(w.ctx, b.ID, anyUser), blog.CodeLastAdmin)
	w.ok(w.Users().Delete(w.ctx, a.ID, anyUser))
}

func demotionsAtOnce(w *world) {
	for range 5 {
		w.oneAdminLeft(func(id blog.ID) error {
			_, err := w.Users().Update(w.ctx, id, demote)
			return err
		})
	}
}

func deletionsAtOnce(w *world) {
	for range 5 {
		w.oneAdminLeft(func(id blog.ID) error { return w.Users().Delete(w.ctx, id, anyUser) })
	}
}

// oneAdminLeft brings the store to two admins and removes both at once.
func (w *world) oneAdminLeft(remove func(blog.ID) error) {
	w.Helper()
	yes := true
	for w.listUsers(blog.UserFilter{Role: blog.RoleAdmin, Active: &yes}).Total < 2 {
		w.admin("admin " + blog.NewID(w.tick()).String()[16:])
	}
	two := w.listUsers(blog.UserFilter{Role: blog.RoleAdmin}).Items
	errs := together(2, func(i int) error { return remove(two[i].ID) })
	w.same("outcomes", outcome(errs), map[blog.Code]int{"": 1, blog.CodeLastAdmin: 1})
	w.same("admins left", w.listUsers(blog.UserFilter{Role: blog.RoleAdmin}).Total, int64(1))
}

var sessionPromises = []promise{
	{"a session tells what a token's check needs", sessionTells},
	{"a revoked token is refused, and no other", revokedToken},
	{"a revoked token stays revoked as long as it may live", revokedForLife},
}

func sessionTells(w *world) {
	u := w.user("user")
	want := blog.Session{Username: "user", Role: blog.RoleUser, Active: true}
	got, err := w.Users().Session(w.ctx, u.ID, "token")
	w.ok(err)
	w.same("session", got, want)

	at := w.tick()
	_, err = w.Users().Update(w.ctx, u.ID, func(u *blog.User) error {
		u.Username, u.Role, u.Active = "renamed", blog.RoleAdmin, false
		u.EndTokens(at)
		return nil
	})
	w.ok(err)
	got, err = w.Users().Session(w.ctx, u.ID, "token")
	w.ok(err)
	w.same("session", got, blog.Session{Username: "renamed", Role: blog.RoleAdmin, TokenVersion: 1, TokensFrom: at})
}

func revokedToken(w *world) {
	a, b := w.user("a"), w.user("b")
	until := time.Now().Add(time.Hour)
	for range 2 {
		w.ok(w.Users().RevokeToken(w.ctx, a.ID, "one", until))
	}
	for _, c := range []struct {
		user    *blog.User
		token   string
		revoked bool
	}{{a, "one", true}, {a, "two", false}, {a, "", false}, {b, "one", false}} {
		s, err := w.Users().Session(w.ctx, c.user.ID, c.token)
		w.ok(err)
		w.same(c.user.Username+"'s token "+c.token, s.Revoked, c.revoked)
	}
}

func revokedForLife(w *world) {
	u := w.user("user")
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	revoke := func(token string, until time.Time) { w.ok(w.Users().RevokeToken(w.ctx, u.ID, token, until)) }
	revoke("one", soon)
	revoke("two", soon)
	revoke("two", past) // the later one counts
	for _, ended := range []string{"three", "four"} {
		revoke(ended, past) // may be forgotten, and so may be what has ended before
	}
	for _, token := range []string{"one", "two"} {
		s, err := w.Users().Session(w.ctx, u.ID, token)
		w.ok(err)
		w.same(token+" revoked", s.Revoked, true)
	}
}
