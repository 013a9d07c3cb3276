package storetest

import (
	"strings"
	"time"

	"inkstone/internal/blog"
)

var userPromises = []promise{
	{"a user comes back with every field", userComesBack},
	{"an unknown user is not found", unknownUser},
	{"an address belongs to one user", addressIsTaken},
	{"a name belongs to one user without regard to case, beyond ASCII too", nameIsTaken},
	{"of a taken address and a taken name the address is told", addressBeforeName},
	{"50 registrations of one name make one user", oneOfManyRegistrations},
	{"an update changes everything but id and creation", userUpdate},
	{"an update cannot take another's name or address", updateTakesName},
	{"one's own name may change its case", ownNameChangesCase},
	{"updates at once do not lose each other", userUpdatesAddUp},
	{"the author of a post is shown as he is now", authorIsFresh},
	{"a user is deleted with all he made", userDeletion},
	{"a deleted user's comments leave shells only under replies by others", userDeletionShells},
	{"a deletion that is not agreed with changes nothing", userDeletionRefused},
	{"a deleted user's name and address are free again", nameIsFree},
}

func userComesBack(w *world) {
	u := w.newUser("李白")
	u.Avatar = "/uploads/image/a.png"
	u.Profile = blog.Profile{FirstName: "白", LastName: "李", Bio: "诗人\n'\"%_", Website: "https://example.com", Location: "长安"}
	u.LastLogin = u.CreatedAt.Add(time.Millisecond)
	u.TokensFrom, u.TokenVersion = u.CreatedAt.Add(2*time.Millisecond), 7
	w.ok(w.Users().Create(w.ctx, u))

	got := w.storedUser(u)
	w.same("by id", got, u)
	if got.LastLogin.Location() != time.UTC || got.CreatedAt.Location() != time.UTC {
		w.Errorf("times are not in UTC: %v, %v", got.LastLogin, got.CreatedAt)
	}
	got, err := w.Users().GetByEmail(w.ctx, u.Email)
	w.ok(err)
	w.same("by address", got, u)

	never := w.storedUser(w.user("never"))
	if !never.LastLogin.IsZero() || !never.TokensFrom.IsZero() {
		w.Errorf("zero times came back as %v and %v", never.LastLogin, never.TokensFrom)
	}
}

func unknownUser(w *world) {
	id := blog.NewID(w.now)
	_, err := w.Users().Get(w.ctx, id)
	w.fails(err, blog.CodeUserNotFound)
	_, err = w.Users().GetByEmail(w.ctx, "nobody@example.com")
	w.fails(err, blog.CodeUserNotFound)
	_, err = w.Users().Session(w.ctx, id, "token")
	w.fails(err, blog.CodeUserNotFound)
	_, err = w.Users().Update(w.ctx, id, anyUser)
	w.fails(err, blog.CodeUserNotFound)
	w.fails(w.Users().Delete(w.ctx, id, anyUser), blog.CodeUserNotFound)
	w.fails(w.Users().RevokeToken(w.ctx, id, "token", time.Now().Add(time.Hour)), blog.CodeUserNotFound)
}

func addressIsTaken(w *world) {
	u := w.user("first")
	second := w.newUser("second")
	second.Email = u.Email
	w.fails(w.Users().Create(w.ctx, second), blog.CodeEmailTaken)
	_, err := w.Users().Get(w.ctx, second.ID)
	w.fails(err, blog.CodeUserNotFound)
}

func nameIsTaken(w *world) {
	for _, name := range []string{"Alice", "ÉLODIE", "ΣΊΣΥΦΟΣ", "Ильина", "王小明", "ＡＢＣ"} {
		w.user(name)
		for _, other := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			w.fails(w.Users().Create(w.ctx, w.newUser(other)), blog.CodeUsernameTaken)
		}
	}
	for _, other := range []string{"Elodie", "abc", "a_ice", "Al%"} {
		w.user(other) // alike, but other characters
	}
}

func addressBeforeName(w *world) {
	u := w.user("first")
	both := w.newUser("FIRST")
	both.Email = u.Email
	w.fails(w.Users().Create(w.ctx, both), blog.CodeEmailTaken)

	w.user("third")
	split := w.newUser("third")
	split.Email = u.Email
	w.fails(w.Users().Create(w.ctx, split), blog.CodeEmailTaken)
}

func oneOfManyRegistrations(w *world) {
	const n = 50
	us := make([]*blog.User, n)
	for i := range us {
		us[i] = w.newUser("Racer")
		us[i].Email = us[i].ID.String() + "@example.com"
	}
	errs := together(n, func(i int) error { return w.Users().Create(w.ctx, us[i]) })
	w.same("outcomes", outcome(errs), map[blog.Code]int{"": 1, blog.CodeUsernameTaken: n - 1})
	w.same("users", w.userNames(blog.UserFilter{}), []string{"Racer"})
}

func userUpdate(w *world) {
	u := w.user("before")
	want := *u
	want.Username, want.Email, want.PasswordHash = "after", "after@example.com", "$2b$other"
	want.Role, want.Active, want.Avatar = blog.RoleAdmin, false, "https://example.com/a.png"
	want.Profile = blog.Profile{FirstName: "a", LastName: "b", Bio: "c", Website: "https://d.example", Location: "e"}
	want.LastLogin, want.UpdatedAt = w.tick(), w.tick()
	want.TokenVersion, want.TokensFrom = 3, w.tick()

	got, err := w.Users().Update(w.ctx, u.ID, func(n *blog.User) error {
		*n = want
		n.ID, n.CreatedAt = blog.NewID(w.now), w.now.Add(time.Hour)
		return nil
	})
	w.ok(err)
	w.same("returned", got, &want)
	w.same("stored", w.storedUser(u), &want)
	_, err = w.Users().GetByEmail(w.ctx, u.Email)
	w.fails(err, blog.CodeUserNotFound)
}

func updateTakesName(w *world) {
	a, b := w.user("Ärger"), w.user("other")
	rename := func(to func(*blog.User)) error {
		_, err := w.Users().Update(w.ctx, b.ID, func(u *blog.User) error { to(u); return nil })
		return err
	}
	w.fails(rename(func(u *blog.User) { u.Username = "äRGER" }), blog.CodeUsernameTaken)
	w.fails(rename(func(u *blog.User) { u.Email = a.Email }), blog.CodeEmailTaken)
	w.fails(rename(func(u *blog.User) { u.Email, u.Username = a.Email, a.Username }), blog.CodeEmailTaken)
	w.same("stored", w.storedUser(b), b)
}

func ownNameChangesCase(w *world) {
	u := w.user("alice")
	got, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.Username = "ALICE"; return nil })
	w.ok(err)
	w.same("name", got.Username, "ALICE")
}

func userUpdatesAddUp(w *world) {
	u := w.user("counter")
	const n = 20
	w.allOK(together(n, func(int) error {
		_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.TokenVersion++; return nil })
		return err
	}))
	w.same("version", w.storedUser(u).TokenVersion, int64(n))
}

func authorIsFresh(w *world) {
	u := w.user("old name")
	p := w.post(u, "title")
	c := w.comment(p, u, nil)
	u, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error {
		u.Username, u.Avatar, u.Profile.FirstName = "new name", "/uploads/image/new.png", "新"
		return nil
	})
	w.ok(err)
	w.same("author of the post", w.stored(p).Author, u.Author())
	w.same("author in the list", w.listPosts(blog.PostFilter{}).Items[0].Author, u.Author())
	got, _, err := w.Comments().Get(w.ctx, c.ID)
	w.ok(err)
	w.same("author of the comment", got.Author, u.Author())
}

func userDeletion(w *world) {
	gone, stays := w.user("gone"), w.user("stays")
	his, other := w.post(gone, "his"), w.post(stays, "other")
	under := w.comment(his, stays, nil)
	his2 := w.comment(other, gone, nil)
	w.like(his, stays, true)
	w.like(other, gone, true)
	w.ok(w.Sources().Set(w.ctx, gone.ID, "a.md", his.ID, "digest"))
	w.ok(w.Users().RevokeToken(w.ctx, gone.ID, "token", time.Now().Add(time.Hour)))

	w.ok(w.Users().Delete(w.ctx, gone.ID, anyUser))
	_, err := w.Users().Get(w.ctx, gone.ID)
	w.fails(err, blog.CodeUserNotFound)
	_, err = w.Users().Session(w.ctx, gone.ID, "token")
	w.fails(err, blog.CodeUserNotFound)
	_, err = w.Posts().Get(w.ctx, his.ID)
	w.fails(err, blog.CodePostNotFound)
	for _, c := range []*blog.Comment{under, his2} {
		_, _, err = w.Comments().Get(w.ctx, c.ID)
		w.fails(err, blog.CodeCommentNotFound)
	}
	_, _, ok, err := w.Sources().Get(w.ctx, gone.ID, "a.md")
	w.ok(err)
	w.same("source known", ok, false)
	w.same("counters", counters(w.stored(other)), [3]int64{0, 0, 0})
	w.same("titles", w.titles(blog.PostFilter{}), []string{"other"})
	tags, err := w.Posts().Tags(w.ctx, 10)
	w.ok(err)
	w.same("tags", tags, []blog.TagCount{{Name: "go", Count: 1}})
}

func userDeletionShells(w *world) {
	gone, stays := w.user("gone"), w.user("stays")
	p := w.post(stays, "post")
	kept := w.comment(p, gone, nil)    // answered by stays, through his own reply
	bridge := w.comment(p, gone, kept) // answered by stays
	answer := w.comment(p, stays, bridge)
	alone := w.comment(p, gone, nil) // answered only by himself
	w.comment(p, gone, alone)
	shell := w.comment(p, stays, nil) // a shell held by his reply only
	w.comment(p, gone, shell)
	w.ok(w.Comments().Delete(w.ctx, shell.ID, anyComment))

	w.ok(w.Users().Delete(w.ctx, gone.ID, anyUser))
	w.same("comments left", w.commentIDs(p), []blog.ID{kept.ID, bridge.ID, answer.ID})
	for _, c := range []*blog.Comment{kept, bridge} {
		w.isShell(c)
	}
	w.same("comment count", w.stored(p).CommentCount, int64(1))
}

func userDeletionRefused(w *world) {
	u := w.user("stays")
	p := w.post(u, "post")
	w.refused(w.Users().Delete(w.ctx, u.ID, func(got *blog.User) error {
		w.same("who is asked about", got, u)
		return errRefused
	}))
	w.same("user", w.storedUser(u), u)
	w.same("post", w.stored(p), p)
}

func nameIsFree(w *world) {
	u := w.user("phoenix")
	w.ok(w.Users().Delete(w.ctx, u.ID, anyUser))
	w.user("Phoenix")
	second := w.newUser("second")
	second.Email = u.Email
	w.ok(w.Users().Create(w.ctx, second))
}
