package apitest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// crowded is a site on a disk that gets full, and what it acknowledged.
type crowded struct {
	*site
	user    *client
	posts   map[string]string // id → title
	uploads map[string][]byte
	refused int
}

// A full disk refuses writes in the contract's words and nothing else; with room
// again they are back without a restart, and nothing acknowledged is lost.
func TestAFullDiskRefusesWritesAndNothingElse(t *testing.T) {
	dir := enginetest.SmallDisk(t, "16m")
	p := launch(t, dir, usual())
	c := &crowded{site: newSite(t, &instance{url: p.url}), posts: map[string]string{}, uploads: map[string][]byte{}}
	c.user = c.User()
	if !c.post("留下的") || !c.upload() {
		t.Fatal("there is room, and it is refused")
	}
	filler := enginetest.FillUp(t, dir)
	for n := 0; c.refused < 3; n++ {
		if c.post("没有地方"); n > 200 {
			t.Fatal("a full disk takes posts without end")
		}
	}
	c.writeEverything()
	c.readEverything()

	room := time.Now()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for !c.post("又有地方") || !c.upload() {
		if time.Since(room) > 10*time.Second {
			t.Fatal("writes are still refused 10 s after there is room")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%d writes refused, %d posts and %d uploads acknowledged; writes back after %v", c.refused, len(c.posts), len(c.uploads), time.Since(room))
	c.verify()
	if err := p.Stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	c.move(launch(t, dir, usual()).url)
	c.verify()
	auditDatabase(t, filepath.Join(dir, "inkstone.db"))
	auditUploads(t, dir)
}

// What a full disk may not let through: the driver's and the system's words.
var driverWords = regexp.MustCompile(`(?i)sqlite|sql logic|disk|database|no space|enospc|\.go:|/tmp|wal`)

// taken reports whether a write was taken; it fails the test if it was refused
// in another way than a full disk may.
func (c *crowded) taken(a *answer, status int) bool {
	c.t.Helper()
	switch {
	case a.Status == status:
		return true
	case a.Status != 503 && a.Status != 507:
		c.t.Errorf("%s: %d %s", a.what, a.Status, short(string(a.Body)))
	case driverWords.MatchString(a.Str("error") + a.Str("message") + a.Str("details")):
		c.t.Errorf("%s tells too much: %s", a.what, short(string(a.Body)))
	}
	c.refused++
	return false
}

func (c *crowded) post(title string) bool {
	a := c.user.Post("/api/posts", article("published", object{"title": title, "content": repeat("大", 30000)}))
	if c.taken(a, 201) {
		c.posts[a.Str("post.id")] = title
		return true
	}
	return false
}

func (c *crowded) upload() bool {
	content := sized(100 << 10)
	form, kind := formOf(c.t, file{"image", "a.png", "image/png", content})
	a := c.user.With("Content-Type", kind).Post("/api/upload/single", form)
	if c.taken(a, 200) {
		c.uploads[a.Str("file.url")] = content
		return true
	}
	return false
}

// writeEverything tries a write of each kind; small ones may still fit.
func (c *crowded) writeEverything() {
	c.t.Helper()
	c.upload()
	for id := range c.posts {
		if a := c.user.Patch("/api/posts/"+id, object{"title": "改过的", "content": repeat("改", 30000)}); c.taken(a, 200) {
			c.posts[id] = "改过的"
		}
		c.taken(c.user.Post("/api/posts/"+id+"/comments", object{"content": repeat("评", 1000)}), 201)
		c.taken(c.user.Post("/api/posts/"+id+"/like", nil), 200)
	}
	c.taken(c.Anyone.Post("/api/auth/register", object{"username": "来迟的人", "email": "late@example.com", "password": password}), 201)
	c.taken(c.user.Put("/api/users/me", object{"profile": object{"bio": repeat("我", 500)}}), 200)
	c.taken(c.Anyone.Post("/api/auth/login", object{"email": c.user.Email, "password": password}), 200)
}

func (c *crowded) readEverything() {
	c.t.Helper()
	for _, path := range []string{"/health", "/livez", "/api/posts", "/api/posts?search=留下", "/api/posts/tags", "/api/posts?sort=title&limit=3"} {
		c.Anyone.Get(path).Expect(200)
	}
	if a, err := c.Anyone.Try("GET", "/metrics", nil); err != nil || a.Status != 200 {
		c.t.Errorf("metrics: %v, %+v", err, a)
	}
	c.user.Get("/api/auth/me").Expect(200)
	c.verify()
}

func (c *crowded) verify() {
	c.t.Helper()
	for id, title := range c.posts {
		c.Anyone.Get("/api/posts/"+id).Expect(200).Says("post.title", title)
	}
	c.Anyone.Get("/api/posts?limit=1").Expect(200).Counts("pagination.total", len(c.posts))
	for url, content := range c.uploads {
		if a := c.Anyone.Get(url).Expect(200); len(a.Body) != len(content) {
			c.t.Errorf("%s has %d bytes, want %d", url, len(a.Body), len(content))
		}
	}
	c.user.Get("/api/upload").Expect(200).Counts("pagination.total", len(c.uploads))
}

func (c *crowded) move(url string) {
	for _, user := range []*client{c.user, c.Anyone, c.Admin} {
		user.url = url
	}
}

// A log folder without room loses lines, and says so, and no request fails.
func TestAFullLogFolderFailsNoRequest(t *testing.T) {
	logs := enginetest.SmallDisk(t, "1m")
	enginetest.FillUp(t, logs)
	s := usual()
	s["LOG_DIR"], s["LOG_LEVEL"] = logs, "info"
	p := launch(t, t.TempDir(), s)
	at := newSite(t, &instance{url: p.url})
	u := at.User()
	for range 100 {
		id := u.Write("published", nil)
		at.Anyone.Get("/api/posts/" + id).Expect(200)
	}
	at.Anyone.Get("/health").Expect(200)
	lost := regexp.MustCompile(`(?m)^log_lines_lost_total [1-9]`)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		a, err := at.Anyone.Try("GET", "/metrics", nil)
		if err == nil && lost.Match(a.Body) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no line is counted as lost: %v", err)
		}
	}
	if err := p.Stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A disk that has no room for a backup, or for what comes out of one, is told and left
// as it was.
func TestAFullDiskHoldsNoHalfBackup(t *testing.T) {
	s, dir := usual(), t.TempDir()
	u := newSite(t, &instance{url: launch(t, dir, s).url}).User()
	for range 100 {
		u.Write("published", object{"content": repeat("很长的内容", 4000)})
	}
	archive := filepath.Join(t.TempDir(), "site.tar")
	if out, err := command(t, dir, s, "backup", archive); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	small := enginetest.SmallDisk(t, "2m")
	for _, run := range []struct {
		dir  string
		s    settings
		args []string
	}{
		{dir, s, []string{"backup", filepath.Join(small, "site.tar")}},
		{small, settings{}, []string{"restore", archive}},
	} {
		out, err := command(t, run.dir, run.s, run.args...)
		if err == nil || !regexp.MustCompile(`^错误：磁盘空间不足，.*请腾出空间`).MatchString(out) {
			t.Errorf("%v: %v, %s", run.args, err, out)
		}
		if left := entriesOf(t, small); len(left) > 0 {
			t.Errorf("%v leaves %q", run.args, left)
		}
	}
}
