package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"inkstone/internal/blog"
)

var uploadPromises = []promise{
	{"an upload comes back with every field", uploadComesBack},
	{"an unknown upload is not found", unknownUpload},
	{"uploads need an owner who exists", uploadNeedsOwner},
	{"the quota counts what is there and lets its last byte in", uploadQuota},
	{"of several uploads all are kept or none", uploadsAllOrNone},
	{"uploads at once do not pass the quota together", quotaAtOnce},
	{"a list holds the owner's uploads, newest first, then by name", uploadList},
	{"uploads of a deleted user become ownerless, and stay until they are deleted", ownerlessUploads},
}

func (w *world) newUpload(owner *blog.User, name string, size int64) blog.Upload {
	return blog.Upload{Filename: name, Field: "image", Owner: owner.ID, OriginalName: "照片 \"1\".png", Size: size, CreatedAt: w.tick()}
}

func (w *world) upload(owner *blog.User, names ...string) []blog.Upload {
	w.Helper()
	us := make([]blog.Upload, len(names))
	for i, name := range names {
		us[i] = w.newUpload(owner, name, 100)
	}
	w.ok(w.Uploads().Create(w.ctx, us, 0))
	return us
}

func uploadComesBack(w *world) {
	u := w.upload(w.user("user"), "image-1-a.png")[0]
	got, err := w.Uploads().Get(w.ctx, u.Filename)
	w.ok(err)
	w.same("upload", got, u)
}

func unknownUpload(w *world) {
	_, err := w.Uploads().Get(w.ctx, "nothing.png")
	w.fails(err, blog.CodeFileNotFound)
	w.fails(w.Uploads().Delete(w.ctx, "nothing.png"), blog.CodeFileNotFound)
}

func uploadNeedsOwner(w *world) {
	u := w.newUpload(w.newUser("nobody"), "a.png", 1)
	w.fails(w.Uploads().Create(w.ctx, []blog.Upload{u}, 0), blog.CodeUserNotFound)
	_, err := w.Uploads().Get(w.ctx, "a.png")
	w.fails(err, blog.CodeFileNotFound)
}

func uploadQuota(w *world) {
	a, b := w.user("a"), w.user("b")
	create := func(owner *blog.User, name string, size int64) error {
		return w.Uploads().Create(w.ctx, []blog.Upload{w.newUpload(owner, name, size)}, 1000)
	}
	w.ok(create(a, "1", 600))
	w.fails(create(a, "2", 401), blog.CodeUploadQuota)
	w.ok(create(b, "3", 1000))
	w.ok(create(a, "4", 400))
	w.fails(create(a, "5", 1), blog.CodeUploadQuota)
	w.ok(w.Uploads().Delete(w.ctx, "4"))
	w.ok(create(a, "6", 400))
}

func uploadsAllOrNone(w *world) {
	u := w.user("user")
	w.upload(u, "there")
	over := []blog.Upload{w.newUpload(u, "a", 500), w.newUpload(u, "b", 500)}
	w.fails(w.Uploads().Create(w.ctx, over, 999), blog.CodeUploadQuota)
	twice := []blog.Upload{w.newUpload(u, "a", 1), w.newUpload(u, "there", 1)}
	if err := w.Uploads().Create(w.ctx, twice, 0); err == nil {
		w.Error("a file name was taken twice")
	}
	w.same("uploads", w.uploadNames(u), []string{"there"})
}

func quotaAtOnce(w *world) {
	u := w.user("user")
	us := make([]blog.Upload, 20)
	for i := range us {
		us[i] = w.newUpload(u, fmt.Sprint("f", i), 100)
	}
	errs := together(len(us), func(i int) error { return w.Uploads().Create(w.ctx, us[i:i+1], 1000) })
	w.same("outcomes", outcome(errs), map[blog.Code]int{"": 10, blog.CodeUploadQuota: 10})
	w.same("uploads", len(w.uploadNames(u)), 10)
}

func uploadList(w *world) {
	u := w.user("user")
	w.upload(w.user("other"), "not his")
	w.upload(u, "old")
	same := []blog.Upload{w.newUpload(u, "b", 1), w.newUpload(u, "a", 1), w.newUpload(u, "B", 1), w.newUpload(u, "é", 1)}
	for i := range same {
		same[i].CreatedAt = w.now
	}
	w.ok(w.Uploads().Create(w.ctx, same, 0))
	w.upload(u, "new")
	w.same("names", w.uploadNames(u), strings.Fields("new B a b é old"))
}

func (w *world) uploadNames(owner *blog.User) []string {
	w.Helper()
	got := w.listUploads(blog.UploadFilter{Owner: owner.ID})
	names := make([]string, len(got.Items))
	for i, u := range got.Items {
		names[i] = u.Filename
	}
	return names
}

func ownerlessUploads(w *world) {
	gone, stays := w.user("gone"), w.user("stays")
	w.upload(gone, "a", "b", "c")
	w.upload(stays, "kept")
	w.ownerless(10)
	w.ok(w.Users().Delete(w.ctx, gone.ID, anyUser))
	w.same("bounded", len(w.ownerless(2)), 2)
	for left := 3; left > 0; left-- {
		names := w.ownerless(10)
		w.same("left", len(names), left)
		u, err := w.Uploads().Get(w.ctx, names[0])
		w.ok(err)
		w.same("owner", u.Owner, blog.ID{})
		w.ok(w.Uploads().Delete(w.ctx, names[0]))
	}
	w.same("left", w.ownerless(10), []string{})
	_, err := w.Uploads().Get(w.ctx, "kept")
	w.ok(err)
}

func (w *world) ownerless(limit int) []string {
	w.Helper()
	us, err := w.Uploads().Ownerless(w.ctx, limit)
	w.ok(err)
	names := make([]string, len(us))
	for i, u := range us {
		names[i] = u.Filename
	}
	return names
}

var sourcePromises = []promise{
	{"a source is remembered per author and path, the last note wins", sourceRemembered},
	{"a source needs a post and an author who exist", sourceNeeds},
	{"a source is forgotten with its post", sourceForgotten},
	{"a path may be long", sourceLong},
}

func sourceLong(w *world) {
	u := w.user("user")
	p, other := w.post(u, "post"), w.post(u, "other")
	r := rand.New(rand.NewPCG(1, 2))
	name := make([]rune, 3900) // that no engine can pack into less
	for i := range name {
		name[i] = rune('一' + r.IntN(20_000))
	}
	path := string(name)
	w.ok(w.Sources().Set(w.ctx, u.ID, path, p.ID, "1"))
	w.ok(w.Sources().Set(w.ctx, u.ID, path+"x", other.ID, "2"))
	w.sourceIs(u, path, p.ID, "1")
	w.sourceIs(u, path+"x", other.ID, "2")
}

// sourceIs checks what is noted; a zero post stands for nothing.
func (w *world) sourceIs(author *blog.User, path string, post blog.ID, digest string) {
	w.Helper()
	gotPost, gotDigest, ok, err := w.Sources().Get(w.ctx, author.ID, path)
	w.ok(err)
	w.same("known", ok, !post.IsZero())
	if ok {
		w.same("post", gotPost, post)
		w.same("digest", gotDigest, digest)
	}
}

func sourceRemembered(w *world) {
	a, b := w.user("a"), w.user("b")
	p, q := w.post(a, "p"), w.post(a, "q")
	const path = "content/中文 100%.md"
	w.sourceIs(a, path, blog.ID{}, "")
	w.ok(w.Sources().Set(w.ctx, a.ID, path, p.ID, "d1"))
	w.sourceIs(a, path, p.ID, "d1")
	w.sourceIs(b, path, blog.ID{}, "")
	w.sourceIs(a, strings.ToUpper(path), blog.ID{}, "")
	w.ok(w.Sources().Set(w.ctx, a.ID, path, q.ID, "d2"))
	w.sourceIs(a, path, q.ID, "d2")
}

func sourceNeeds(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	w.fails(w.Sources().Set(w.ctx, blog.NewID(w.now), "a.md", p.ID, "d"), blog.CodeUserNotFound)
	w.fails(w.Sources().Set(w.ctx, u.ID, "a.md", blog.NewID(w.now), "d"), blog.CodePostNotFound)
	w.sourceIs(u, "a.md", blog.ID{}, "")
}

func sourceForgotten(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	w.ok(w.Sources().Set(w.ctx, u.ID, "a.md", p.ID, "d"))
	w.ok(w.Posts().Delete(w.ctx, p.ID, anyPost))
	w.sourceIs(u, "a.md", blog.ID{}, "")
}
