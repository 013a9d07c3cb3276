package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/store"
)

// openStore opens a store that ends with the test.
func openStore(t *testing.T, address string, opt store.Options) blog.Store {
	t.Helper()
	s, err := store.Open(t.Context(), address, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// somePosts makes a database with one user and so many posts.
func somePosts(t *testing.T, address string, n int) {
	t.Helper()
	s := openStore(t, address, store.Options{})
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	u := &blog.User{ID: blog.NewID(now), Username: "author", Email: "author@example.com", Role: blog.RoleAdmin, Active: true, CreatedAt: now, UpdatedAt: now}
	records := []blog.Record{}
	for i := range n {
		at := now.Add(time.Duration(i) * time.Minute)
		records = append(records, &blog.Post{ID: blog.NewID(at), Title: fmt.Sprint("第 ", i), Content: strings.Repeat("正文 text ", 100), Author: u.Author(), Category: "技术",
			Tags: []string{"go"}, Status: blog.Published, PublishedAt: at, CreatedAt: at, UpdatedAt: at, Revision: 1})
	}
	err := errors.Join(s.Copies().Put(t.Context(), []blog.Record{u}), s.Copies().Put(t.Context(), records))
	if err != nil {
		t.Fatal(err)
	}
}

// half opens what a copy is about to fill.
func half(t *testing.T, address string) blog.Store {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, err := store.Open(t.Context(), address, store.Options{Copying: true, NoMigrate: true})
		if err == nil {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func countPosts(t *testing.T, s blog.Store) (n int64) {
	t.Helper()
	err := s.Copies().Snapshot(t.Context(), func(v blog.Snapshot) (err error) {
		n, err = v.Count(blog.KindPost)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUsersAndTheirTokensAreTheSameAfterACopy(t *testing.T) {
	builtOnce(t) // in this folder
	dir := t.TempDir()
	secret := "JWT_SECRET=5J8nQ2vT9xW4zK7mP1rB6yD3fH0gL8cS"
	source, target, back := "sqlite:"+filepath.Join(dir, "source.db"), enginetest.Postgres(t), "sqlite:"+filepath.Join(dir, "back.db")
	i := newInkstone(t)

	s := startServer(t, dir, secret, "DATABASE_URL="+source)
	kept, ended, disabled := s.register("kept"), s.register("ended"), s.register("disabled")
	if status, answer := s.post("/api/auth/logout", ended, map[string]string{}); status != http.StatusOK {
		t.Fatalf("logout: %d %v", status, answer)
	}
	post := map[string]string{"title": "标题", "content": "微服务", "category": "生活", "status": "published"}
	if status, answer := s.post("/api/posts", kept, post); status != http.StatusCreated {
		t.Fatalf("post: %d %v", status, answer)
	}
	i.env["DATABASE_URL"] = source
	i.succeeds("", "user", "disable", "disabled@example.com")
	s.signal(syscall.SIGTERM)
	s.ends(10 * time.Second)

	for _, step := range [][2]string{{source, target}, {target, back}} {
		if out := i.succeeds("", "copy", "--from", step[0], "--to", step[1]); strings.Contains(out, "不一致") || strings.Count(out, "一致") != len(blog.Kinds()) {
			t.Fatal(out)
		}
		s := startServer(t, dir, secret, "DATABASE_URL="+step[1])
		for token, want := range map[string]int{kept: http.StatusCreated, ended: http.StatusUnauthorized, disabled: http.StatusUnauthorized} {
			post["title"] = step[1][:8]
			if status, answer := s.post("/api/posts", token, post); status != want {
				t.Errorf("with an old token: %d %v, want %d", status, answer, want)
			}
		}
		for name, want := range map[string]int{"kept": http.StatusOK, "ended": http.StatusOK, "disabled": http.StatusUnauthorized} {
			status, answer := s.post("/api/auth/login", "", map[string]string{"email": name + "@example.com", "password": "a password"})
			if status != want {
				t.Errorf("%s logs in: %d %v, want %d", name, status, answer, want)
			}
		}
		if _, body := get(t, s.base+"/api/posts?search=%E5%BE%AE%E6%9C%8D%E5%8A%A1"); !strings.Contains(body, "标题") {
			t.Errorf("not found: %s", body)
		}
		s.signal(syscall.SIGTERM)
		s.ends(10 * time.Second)
	}
}

func TestACopyThatIsKilledGoesOn(t *testing.T) {
	if enginetest.Raced {
		t.Skip("with the race detector this process looks too seldom at how far the other one is")
	}
	const posts = 8000
	program, source := builtOnce(t), "sqlite:"+filepath.Join(t.TempDir(), "source.db")
	somePosts(t, source, posts)
	for name, target := range map[string]string{"postgres": enginetest.Postgres(t), "sqlite": "sqlite:" + filepath.Join(t.TempDir(), "target.db")} {
		t.Run(name, func(t *testing.T) {
			command := func() *exec.Cmd {
				cmd := exec.Command(program, "copy", "--from", source, "--to", target)
				cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "LOG_DIR=")
				return cmd
			}
			var before int64
			for round := 0; round < 2 && before < posts; round++ {
				cmd := command()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				to := half(t, target)
				enginetest.Within(t, time.Minute, "posts are copied", func() bool { return countPosts(t, to) > before })
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				n := countPosts(t, to)
				_ = to.Close()
				if n <= before || round == 0 && n == posts || cmd.ProcessState.Success() {
					t.Fatalf("killed with %d posts, %d before", n, before)
				}
				before = n
				i := newInkstone(t, "DATABASE_URL="+target)
				i.fails("只进行到一半", "", "user", "promote", "author@example.com")
			}
			out, err := command().CombinedOutput()
			if err != nil || strings.Contains(string(out), "不一致") || strings.Count(string(out), " 8000 ") != 2 {
				t.Fatalf("%v\n%s", err, out)
			}
			i := newInkstone(t, "DATABASE_URL="+target)
			i.succeeds("", "user", "promote", "author@example.com")
			l, err := openStore(t, target, store.Options{}).Posts().List(t.Context(), blog.PostFilter{Search: blog.ParseQuery("正文"), Status: blog.Published,
				Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 1}})
			if err != nil || l.Total != posts {
				t.Errorf("%d posts are found: %v", l.Total, err)
			}
		})
	}
}

func TestACopyThatDiffersAtTheEndEndsWithOne(t *testing.T) {
	dir := t.TempDir()
	source, target := "sqlite:"+filepath.Join(dir, "source.db"), "sqlite:"+filepath.Join(dir, "target.db")
	somePosts(t, source, 10)
	to := openStore(t, target, store.Options{})
	now := time.Now()
	stranger := &blog.User{ID: blog.ID{1}, Username: "stranger", Email: "stranger@example.com", Role: blog.RoleUser, CreatedAt: now, UpdatedAt: now}
	if err := errors.Join(to.Copies().Begin(t.Context(), store.FullName(source)), to.Copies().Put(t.Context(), []blog.Record{stranger})); err != nil {
		t.Fatal(err)
	}
	i := newInkstone(t)
	for range 2 {
		code, out, errs := i.run("", "copy", "--from", source, "--to", target)
		if code != 1 || !strings.Contains(out, "不一致") || !strings.Contains(errs, "两边不一致") || !strings.Contains(errs, "清空") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	}
	i.env["DATABASE_URL"] = target
	i.fails("只进行到一半", "", "serve")
}

func TestAServerOnHalfACopyWaitsForItsEnd(t *testing.T) {
	target := enginetest.Postgres(t)
	to := openStore(t, target, store.Options{})
	if err := to.Copies().Begin(t.Context(), "somewhere"); err != nil {
		t.Fatal(err)
	}
	i := newInkstone(t, "HOST=127.0.0.1", "PORT=0", "DATABASE_URL="+target)
	base, end := i.serving()
	for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/api/posts": 503} {
		if status, body := get(t, base+path); status != want {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if err := to.Copies().End(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, body := get(t, base+"/readyz")
	for deadline := time.Now().Add(20 * time.Second); status != 200 && time.Now().Before(deadline); status, body = get(t, base+"/readyz") {
		time.Sleep(50 * time.Millisecond)
	}
	if status != 200 {
		t.Errorf("after the end: %d %s", status, body)
	}
	if code, said := end(); code != 0 || !strings.Contains(said, "只进行到一半") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

func TestACopyThatCannotBeIsToldWithWhatToDo(t *testing.T) {
	dir, server := t.TempDir(), enginetest.Postgres(t)
	at := func(name string) string { return "sqlite:" + filepath.Join(dir, name) }
	other := func(how func(*url.URL)) string {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal(err)
		}
		how(u)
		return u.String()
	}
	source, full := at("source.db"), at("full.db")
	somePosts(t, source, 3)
	somePosts(t, full, 1)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := enginetest.Postgres(t)
	i := newInkstone(t, "DATABASE_URL="+newer)
	i.succeeds("", "migrate")
	execute(t, newer, "INSERT INTO inkstone_schema (version, applied) VALUES (9999, now())")
	write("garbage.db", strings.Repeat("garbage ", 1000))
	write("folder-is-a-file", "")
	wrong := other(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "hidden") })

	fresh := at("fresh.db")
	for _, c := range []struct{ from, to, says string }{
		{"", "", "缺少 --from 与 --to"},
		{source, "", "缺少 --to"},
		{"mysql://u:hidden@h/d", fresh, "--from：本版本支持 SQLite 与 PostgreSQL"},
		{source, "postgres://u:hidden@h:port/d", "--to：不是有效的地址"},
		{source, "@" + filepath.Join(dir, "missing"), "--to：无法读取文件"},
		{"@" + write("url", "postgres://u:hidden@127.0.0.1:1/d\n"), fresh, "无法打开来源 postgres://127.0.0.1:1/d：连接不上或它没有回答，请检查 --from"},
		{source, "postgres://u:hidden@no-such-host.invalid/d", "无法打开目标 postgres://no-such-host.invalid/d：连接不上或它没有回答，请检查 --to"},
		{wrong, fresh, "用户名或密码不被接受，请检查 --from"},
		{source, wrong, "用户名或密码不被接受，请检查 --to"},
		{source, other(func(u *url.URL) { u.Path = "missing" }), "服务器上没有这个库，请先创建它，或检查 --to"},
		{newer, fresh, "请安装那个版本"},
		{source, newer, "请安装那个版本"},
		{at("missing.db"), fresh, "没有这个文件，请检查 --from"},
		{at("garbage.db"), fresh, "它不是数据库或已损坏，请检查 --from"},
		{server, fresh, "它是空的，里面没有站点，请检查 --from"},
		{source, at("folder-is-a-file/target.db"), "无法打开目标"},
		{source, full, "不是空的，未写入"},
		{source, source, "来源与目标是同一个数据库"},
		{source, "sqlite:" + dir + "/../" + filepath.Base(dir) + "/source.db", "来源与目标是同一个数据库"},
	} {
		args := []string{"copy"}
		if c.from != "" {
			args = append(args, "--from", c.from)
		}
		if c.to != "" {
			args = append(args, "--to", c.to)
		}
		code, out, errs := i.run("", args...)
		if code != 1 || out != "" || !strings.HasPrefix(errs, "错误：") || !strings.Contains(errs, c.says) || strings.Contains(errs, "hidden") {
			t.Errorf("copy from %s to %s: exit code %d, want 1 and %q\n%s%s", c.from, c.to, code, c.says, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing.db")); err == nil {
		t.Error("a source was made")
	}
}

func TestOnePostgreSQLDatabaseIsKnownByWhateverWayLeadsThere(t *testing.T) {
	address := enginetest.Postgres(t)
	i := newInkstone(t, "DATABASE_URL="+address, "DB_POOLER=transaction")
	i.succeeds("", "migrate")
	i.fails("来源与目标是同一个数据库", "", "copy", "--from", address, "--to", enginetest.PgBouncer(t, address))
}

func TestOneCopyAtATimeGoesIntoATarget(t *testing.T) {
	source := "sqlite:" + filepath.Join(t.TempDir(), "source.db")
	somePosts(t, source, 3)
	i := newInkstone(t)
	for _, target := range []string{enginetest.Postgres(t), "sqlite:" + filepath.Join(t.TempDir(), "target.db")} {
		openStore(t, target, store.Options{})
		lock, err := store.Lock(t.Context(), target, "copy", store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		i.fails("另一个复制或恢复正在写入目标", "", "copy", "--from", source, "--to", target)
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		i.succeeds("", "copy", "--from", source, "--to", target)
		i.fails("不是空的", "", "copy", "--from", source, "--to", target)
		if out := i.succeeds("", "copy", "--from", source, "--to", target, "--into-existing"); strings.Contains(out, "不一致") {
			t.Error(out)
		}
	}
}

func TestARecordThatTheTargetRefusesIsNamed(t *testing.T) {
	dir := t.TempDir()
	i := newInkstone(t)
	for name, says := range map[string]string{"same@example.com": "邮箱已属于", "another@example.com": "用户名已属于"} {
		source, target := "sqlite:"+filepath.Join(dir, name+".source.db"), "sqlite:"+filepath.Join(dir, name+".target.db")
		for address, email := range map[string]string{source: "same@example.com", target: name} {
			i.env["DATABASE_URL"] = address
			i.succeeds("a password", "user", "create", "--email", email, "--username", "somebody", "--password-stdin")
		}
		i.fails("目标不接受来源的用户 somebody <same@example.com>："+says, "", "copy", "--from", source, "--to", target, "--into-existing")
	}
	source, target := "sqlite:"+filepath.Join(dir, "source.db"), "sqlite:"+filepath.Join(dir, "target.db")
	somePosts(t, source, 1)
	i.succeeds("", "copy", "--from", source, "--to", target)
	i.env["DATABASE_URL"] = target
	i.succeeds("a password", "user", "password", "author@example.com", "--password-stdin")
	i.fails("目标不接受来源的用户 author <author@example.com>：目标中已有它，但内容不同", "", "copy", "--from", source, "--to", target, "--into-existing")
}

// diskFull makes a function that fails as a server whose disk is full.
const diskFull = "CREATE FUNCTION disk_full() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$; " +
	"CREATE FUNCTION disk_full_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM disk_full(); END $$; "

func TestItIsNamedWhereTheDiskIsFull(t *testing.T) {
	i := withSite(t)
	i.succeeds("", "backup", "site.tar")
	source, unreadable, full := "sqlite:data/inkstone.db", enginetest.Postgres(t), enginetest.Postgres(t)
	i.succeeds("", "copy", "--from", source, "--to", unreadable)
	execute(t, unreadable, diskFull+"ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people WHERE disk_full()")
	i.env["DATABASE_URL"] = full
	i.succeeds("", "migrate")
	execute(t, full, diskFull+"CREATE TRIGGER full_disk BEFORE INSERT ON users EXECUTE FUNCTION disk_full_row()")
	target := "磁盘空间不足，目标 " + store.Name(full) + " 放不下全部数据，请腾出空间"
	i.fails(target, "", "copy", "--from", source, "--to", full)
	i.fails("磁盘空间不足，来源 "+store.Name(unreadable)+" 因此无法读出，请腾出空间", "", "copy", "--from", unreadable, "--to", "sqlite:other.db")
	execute(t, full, "DELETE FROM copying")
	i.fails(target, "", "restore", "site.tar")
	i.env["DATABASE_URL"] = unreadable
	i.fails("无法打开数据库 "+store.Name(unreadable)+"：它所在的磁盘空间不足", "", "backup", "other.tar")
}
