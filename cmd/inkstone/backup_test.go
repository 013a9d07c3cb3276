package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/enginetest"
	"inkstone/internal/store"
)

// withSite makes a site with a user.
func withSite(t *testing.T) *inkstone {
	i := newInkstone(t)
	i.succeeds("a password\n", "user", "create", "--admin", "--email", "me@example.com", "--username", "me1", "--password-stdin")
	return i
}

func TestASiteIsBackedUpAndRestored(t *testing.T) {
	i := withSite(t)
	if out := i.succeeds("", "backup", "site.tar"); !strings.Contains(out, "已备份到 site.tar（") || !strings.Contains(out, "用户 1 位") {
		t.Error(out)
	}
	i.env["DATA_DIR"] = "elsewhere"
	if out := i.succeeds("", "restore", "site.tar"); !strings.Contains(out, "的备份：文章 0 篇，评论 0 条，用户 1 位") {
		t.Error(out)
	}
	i.succeeds("", "user", "promote", "me@example.com")
	onlyThese(t, ".", "data", "elsewhere", "site.tar")
}

// onlyThese fails if anything else is in a folder.
func onlyThese(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, e := range entries {
		there = append(there, e.Name())
	}
	if strings.Join(there, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %q, want %q", dir, there, names)
	}
}

func TestABadBackupIsToldWithWhatToDo(t *testing.T) {
	i := withSite(t)
	i.succeeds("", "backup", "site.tar")
	i.fails("site.tar 已存在，不会覆盖", "", "backup", "site.tar")
	i.fails("data 是文件夹，请给出文件名，例如 data/inkstone.tar", "", "backup", "data")
	i.fails("文件夹 no 不存在，请先创建它", "", "backup", "no/site.tar")
	i.fails("缺少参数 <文件>", "", "backup")
	i.env["UPLOADS"] = "site.tar"
	i.fails("无法使用上传目录 site.tar", "", "backup", "--uploads", "other.tar")
	delete(i.env, "UPLOADS")
	i.env["DATA_DIR"] = "missing"
	i.fails("没有这个文件，请检查 DATABASE_URL", "", "backup", "other.tar")
	onlyThese(t, ".", "data", "site.tar")
}

func TestABadRestoreIsToldWithWhatToDo(t *testing.T) {
	i := withSite(t)
	i.succeeds("", "backup", "site.tar")
	i.fails("inkstone.db 已存在，恢复不会覆盖它，请先停止服务并移走它", "", "restore", "site.tar")
	i.env["DATA_DIR"] = "new"
	i.fails("没有这个文件：missing.tar", "", "restore", "missing.tar")
	i.fails("data 是文件夹，请给出备份文件", "", "restore", "data")
	i.fails("不是 inkstone 的备份", "", "restore", "data/inkstone.db")
	whole, err := os.ReadFile("site.tar")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cut.tar", whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	i.fails("cut.tar 已损坏或不完整", "", "restore", "cut.tar")
	whole[2000]++
	if err := os.WriteFile("changed.tar", whole, 0o600); err != nil {
		t.Fatal(err)
	}
	i.fails("changed.tar 已损坏或不完整", "", "restore", "changed.tar")
	onlyThese(t, "new")
	i.env["DATA_DIR"] = "newer"
	i.fails("没有这个文件", "", "restore", "missing.tar")
	onlyThese(t, ".", "changed.tar", "cut.tar", "data", "new", "site.tar")
}

func TestADatabaseServerThatIsAwayIsToldByBackupAndRestore(t *testing.T) {
	i := withSite(t)
	i.succeeds("", "backup", "site.tar")
	i.env["DATABASE_URL"] = "postgres://u:hidden@127.0.0.1:1/d"
	for _, args := range [][]string{{"backup", "other.tar"}, {"restore", "site.tar"}} {
		i.fails("连接不上或它没有回答，请检查 DATABASE_URL", "", args...)
		if _, out, errs := i.run("", args...); strings.Contains(out+errs, "hidden") {
			t.Errorf("%v shows the password", args)
		}
	}
	onlyThese(t, ".", "data", "site.tar")
}

func TestADatabaseServerIsNotOverwritten(t *testing.T) {
	i := withSite(t)
	i.succeeds("", "backup", "site.tar")
	i.env["DATABASE_URL"] = enginetest.Postgres(t)
	i.succeeds("", "restore", "site.tar")
	i.succeeds("", "user", "promote", "me@example.com")
	i.fails("不是空的，恢复不会覆盖它，请新建一个空库", "", "restore", "site.tar")
	if out := i.succeeds("", "backup", "again.tar"); !strings.Contains(out, "用户 1 位") {
		t.Error(out)
	}
	onlyThese(t, ".", "again.tar", "data", "site.tar")
	onlyThese(t, "data", "inkstone.db") // of the first site
}

func TestARestoreGoesOnWhereItWasCutOff(t *testing.T) {
	i := withSite(t)
	i.succeeds("", "backup", "site.tar")
	archive, err := os.ReadFile("site.tar")
	if err != nil {
		t.Fatal(err)
	}
	digest := string(archive[len(archive)-2048+512:][:64])
	for source, again := range map[string]bool{"backup " + digest: true, "backup of another site": false} {
		i.env["DATABASE_URL"] = enginetest.Postgres(t)
		s, err := store.Open(t.Context(), i.env["DATABASE_URL"], store.Options{Copying: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Copies().Begin(t.Context(), source), s.Close()); err != nil {
			t.Fatal(err)
		}
		i.fails("只进行到一半，请把同一条命令再执行一遍", "", "user", "promote", "me@example.com")
		if !again {
			i.fails("另一次未完成的恢复或复制", "", "restore", "site.tar")
			continue
		}
		i.succeeds("", "restore", "site.tar")
		i.succeeds("", "user", "promote", "me@example.com")
	}
}

func TestAWrongBucketIsToldByBackupAndRestore(t *testing.T) {
	endpoint, accessKey, secretKey := enginetest.S3(t)
	dir := t.TempDir()
	s := startServer(t, dir)
	uploadPhoto(t, s, s.register("painter"))
	s.signal(syscall.SIGTERM)
	s.ends(10 * time.Second)
	i := newInkstone(t, "DATABASE_URL=sqlite:"+filepath.Join(dir, "data", "inkstone.db"), "UPLOADS="+filepath.Join(dir, "data", "uploads"))
	i.succeeds("", "backup", "--uploads", "site.tar")
	i.env["UPLOADS"] = "s3://no-such-" + strings.ToLower(rand.Text()) + "/x"
	i.env["S3_ENDPOINT"], i.env["S3_ACCESS_KEY"], i.env["S3_SECRET_KEY"] = endpoint, accessKey, secretKey
	i.fails("存储桶不存在，请先创建它，或检查 UPLOADS", "", "backup", "--uploads", "other.tar")
	i.env["DATABASE_URL"] = "sqlite:new.db"
	i.fails("存储桶不存在，请先创建它，或检查 UPLOADS", "", "restore", "site.tar")
	i.env["S3_SECRET_KEY"] = "hidden-secret"
	i.fails("签名不被接受，请检查 S3_SECRET_KEY", "", "restore", "site.tar")
	if _, out, errs := i.run("", "restore", "site.tar"); strings.Contains(out+errs, "hidden") {
		t.Error("the secret key is shown")
	}
	if _, err := os.Stat("new.db"); err == nil {
		t.Error("a database without its images was left")
	}
}

func TestLostImagesAreToldAndTheRestIsKept(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir)
	token := s.register("painter")
	lost := uploadPhoto(t, s, token)
	uploadPhoto(t, s, token)
	s.signal(syscall.SIGTERM)
	s.ends(10 * time.Second)
	if err := os.Remove(filepath.Join(dir, "data", lost)); err != nil {
		t.Fatal(err)
	}
	i := newInkstone(t, "DATA_DIR="+filepath.Join(dir, "data"))
	if out := i.succeeds("", "backup", "without.tar"); !strings.Contains(out, "提示  2 个上传的图片不在其中，加 --uploads 可一并备份") {
		t.Error(out)
	}
	i.fails("备份已写成，但有 1 个图片的文件丢失或损坏，未收入："+filepath.Base(lost), "", "backup", "--uploads", "site.tar")
	i.env["DATA_DIR"] = "new"
	if out := i.succeeds("", "restore", "site.tar"); !strings.Contains(out, "图片 1 个\n提示  有 1 个图片在备份时已经丢失") {
		t.Error(out)
	}
	i.env["DATA_DIR"] = "newer"
	if out := i.succeeds("", "restore", "without.tar"); !strings.Contains(out, "提示  备份不含图片，站点的 2 个图片须另行恢复") {
		t.Error(out)
	}
}

// uploadPhoto sends a photo and returns its path below the data folder.
func uploadPhoto(t *testing.T, s *server, token string) string {
	t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("image", "a.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(part, image.NewGray(image.Rect(0, 0, 16, 16))), m.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.base+"/api/upload/single", &form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ File struct{ URL string } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.File.URL == "" {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return answer.File.URL
}
