package apitest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
)

const maxImage = 5 << 20

// file is one part of a form. Its header names what the client claims.
type file struct {
	field, name, kind string
	content           []byte
}

// Upload sends files as a form.
func (c *client) Upload(path string, files ...file) *answer {
	c.t.Helper()
	body, kind := formOf(c.t, files...)
	return c.With("Content-Type", kind).Post(path, body)
}

// formOf encodes files as a form and returns its Content-Type.
func formOf(t testing.TB, files ...file) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename="%s"`, f.field, f.name))
		h.Set("Content-Type", f.kind)
		w, err := form.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(f.content)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), form.FormDataContentType()
}

// pictures are small images of every kind that is taken, by their extension.
func pictures() map[string][]byte {
	m := image.NewGray(image.Rect(0, 0, 4, 4))
	var p, j, g bytes.Buffer
	_ = png.Encode(&p, m) // writing to memory cannot fail
	_ = jpeg.Encode(&j, m, nil)
	_ = gif.Encode(&g, m, nil)
	webp, _ := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	return map[string][]byte{".png": p.Bytes(), ".jpg": j.Bytes(), ".gif": g.Bytes(), ".webp": webp}
}

var kinds = map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}

// sized is a PNG of exactly n bytes: a sound image, and what a reader ignores after it.
func sized(n int) []byte {
	b := pictures()[".png"]
	return append(b, make([]byte, n-len(b))...)
}

func TestAnImageIsStoredByItsContentAndServed(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u := s.User()
		for ext, content := range pictures() {
			a := u.Upload("/api/upload/single", file{"image", "砚台.exe", "text/html", content}).Expect(200).
				Says("message", "文件上传成功").Says("file.originalName", "砚台.exe").Counts("file.size", len(content))
			url := a.Str("file.url")
			if !strings.HasSuffix(url, ext) || url != "/uploads/image/"+a.Str("file.filename") {
				t.Errorf("%s: url %s", ext, url)
			}
			got := s.Anyone.Get(url).Expect(200)
			if !bytes.Equal(got.Body, content) || got.Header.Get("Content-Type") != kinds[ext] {
				t.Errorf("%s: %d bytes as %s", ext, len(got.Body), got.Header.Get("Content-Type"))
			}
			if cache := got.Header.Get("Cache-Control"); !strings.Contains(cache, "immutable") || !strings.Contains(cache, "max-age=31536000") {
				t.Errorf("Cache-Control %q", cache)
			}
			part := s.Anyone.With("Range", "bytes=2-5").Get(url).Expect(206)
			if !bytes.Equal(part.Body, content[2:6]) {
				t.Errorf("range: %x", part.Body)
			}
			for _, beyond := range []string{"bytes=999999-", "bytes=abc"} {
				s.Anyone.With("Range", beyond).Get(url).Refused(416, "FILE_RANGE_INVALID")
			}
			s.Anyone.With("Range", "bytes=999999-").Head(url).Expect(416)
			s.Anyone.With("If-None-Match", got.Header.Get("ETag")).Get(url).Expect(304)
			s.Anyone.Head(url).Expect(200)
			u.Post("/api/posts", article("draft", object{"coverImage": url})).Expect(201)
		}
	})
}

func TestWhatIsNoImageIsRefusedWhateverItClaims(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u := s.User()
		whole := pictures()[".png"]
		huge := bytes.Clone(whole)
		copy(huge[16:24], []byte{0, 0, 0x40, 0, 0, 0, 0x40, 0}) // 16384 × 16384, and a checksum that no longer fits
		for name, content := range map[string][]byte{
			"html": []byte("<script>alert(1)</script>"), "svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "empty": {}, "header only": whole[:8],
			"gif and html": []byte("GIF89a<script>"), "huge": huge, "zip": []byte("PK\x03\x04"), "nul": make([]byte, 100),
		} {
			a := u.Upload("/api/upload/single", file{"image", "a.png", "image/png", content})
			if a.Status != 400 || a.Str("code") != "UPLOAD_TYPE" && !(name == "empty" && a.Str("code") == "UPLOAD_MISSING") {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		u.Get("/api/upload").Expect(200).Counts("pagination.total", 0)
	})
}

func TestTheSizeLimitIsExact(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u := s.User()
		u.Upload("/api/upload/single", file{"image", "a.png", "image/png", sized(maxImage)}).Expect(200).Counts("file.size", maxImage)
		u.Upload("/api/upload/single", file{"image", "a.png", "image/png", sized(maxImage + 1)}).Refused(400, "UPLOAD_TOO_LARGE").Says("error", "文件大小超过限制（5MB）")
		u.Get("/api/upload").Expect(200).Counts("pagination.total", 1)
	})
}

func TestSeveralImagesAreStoredAllOrNone(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u := s.User()
		good := file{"images", "a.png", "image/png", pictures()[".png"]}
		bad := file{"images", "b.png", "image/png", []byte("text")}
		a := u.Upload("/api/upload/multiple", good, good, good, good, good).Expect(200)
		if n := len(a.Each("files", "url")); n != 5 {
			t.Errorf("%d files", n)
		}
		u.Upload("/api/upload/multiple", good, good, bad).Refused(400, "UPLOAD_TYPE").Says("error", "只支持 JPEG、PNG、GIF、WebP 格式的图片")
		u.Upload("/api/upload/multiple", good, good, good, good, good, good).Refused(400, "UPLOAD_TOO_MANY").Says("error", "文件数量超过限制（5个）")
		u.Upload("/api/upload/multiple").Refused(400, "UPLOAD_MISSING").Says("error", "请选择要上传的文件")
		u.Get("/api/upload").Expect(200).Counts("pagination.total", 5)
	})
}

func TestABrokenFormIsRefused(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u := s.User()
		img := pictures()[".png"]
		u.Upload("/api/upload/single", file{"photo", "a.png", "image/png", img}).Refused(400, "UPLOAD_INVALID").Says("error", "上传请求无效")
		u.Upload("/api/upload/single").Refused(400, "UPLOAD_MISSING")
		form := u.With("Content-Type", "multipart/form-data; boundary=x")
		for _, body := range []string{"", "garbage", "--x\r\n", "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\nabc", "--x--"} {
			if a := form.Post("/api/upload/single", body); a.Status != 400 {
				t.Errorf("%q: %d", body, a.Status)
			}
		}
		for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=", "application/json", "text/plain", "multipart/mixed; boundary=x"} {
			if a := u.With("Content-Type", kind).Post("/api/upload/single", "x"); a.Status != 400 && a.Status != 415 {
				t.Errorf("%q: %d", kind, a.Status)
			}
		}
		u.With("Content-Encoding", "gzip").Upload("/api/upload/single", file{"image", "a.png", "image/png", img}).Refused(415, "UNSUPPORTED_MEDIA_TYPE")
		s.Anyone.Upload("/api/upload/single", file{"image", "a.png", "image/png", img}).Refused(401, "TOKEN_MISSING")
		s.Anyone.Get("/api/upload").Refused(401, "TOKEN_MISSING")
		u.Get("/api/upload").Expect(200).Counts("pagination.total", 0)
	})
}

func TestAFileNameReachesNeitherHeadersNorTheFolder(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u := s.User()
		for _, name := range []string{"../../../etc/passwd", `..\\..\\x.png`, "a\x00b.png", "a%0d%0aSet-Cookie: x=1.png", "a;filename=b.html", repeat("长", 2000) + ".png", "", ".", "CON", "a.png\r\nX-Evil: 1", "\xff\xfe.png", "a\tb.png"} {
			a := u.Upload("/api/upload/single", file{"image", name, "image/png", pictures()[".png"]})
			if a.Status != 200 && a.Status != 400 {
				t.Errorf("%q: %d %s", short(name), a.Status, a.Body)
			}
			if a.Status == 200 {
				got := s.Anyone.Get(a.Str("file.url")).Expect(200)
				if got.Header.Get("Set-Cookie")+got.Header.Get("X-Evil") != "" {
					t.Errorf("%q wrote a header: %v", name, got.Header)
				}
			}
		}
	})
}

func TestThereIsNoWayOutOfTheUploadFolderAndNoListing(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		for _, path := range []string{"/uploads/", "/uploads/image/", "/uploads/image", "/uploads/../inkstone.db", "/uploads/%2e%2e/inkstone.db", "/uploads/image/..%2f..%2finkstone.db", "/uploads/image/..%5c..%5cinkstone.db", "/uploads/..%2finkstone.db", "/uploads/image/%00", "/uploads/./image", "/uploads/image/none.png", "/uploads/x/y/z"} {
			a, err := s.Anyone.Try("GET", path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status == 200 || a.Status >= 500 {
				t.Errorf("%s: %d", path, a.Status)
			}
			if strings.HasPrefix(path, "/uploads/") && a.Status == 404 && a.Str("error") != "文件不存在" {
				t.Errorf("%s: %s", path, a.Str("error"))
			}
		}
		for _, path := range []string{"/uploads/image/none.png", "/uploads/none.png", "/uploads/x/y/z", "/uploads", "/uploads/", "/uploads/image"} {
			s.Anyone.Get(path).Refused(404, "FILE_NOT_FOUND").Says("error", "文件不存在")
		}
	})
}

func TestAnUploadBelongsToItsOwner(t *testing.T) {
	eachPlace(t, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		img := file{"image", "a.png", "image/png", pictures()[".png"]}
		first := u.Upload("/api/upload/single", img).Expect(200)
		second := u.Upload("/api/upload/single", img).Expect(200)
		u.Get("/api/upload?limit=1").Expect(200).Counts("pagination.total", 2).Says("files.0.filename", second.Str("file.filename"))
		other.Get("/api/upload").Expect(200).Counts("pagination.total", 0)
		other.Delete("/api/upload/"+first.Str("file.filename")).Refused(403, "NOT_OWNER")
		u.Delete("/api/upload/"+first.Str("file.filename")).Expect(200).Says("message", "文件已删除")
		s.Admin.Delete("/api/upload/" + second.Str("file.filename")).Expect(200)
		for _, a := range []*answer{first, second} {
			s.Anyone.Get(a.Str("file.url")).Refused(404, "FILE_NOT_FOUND")
			u.Delete("/api/upload/"+a.Str("file.filename")).Refused(404, "FILE_NOT_FOUND")
		}
		u.Delete("/api/upload/..%2f..%2finkstone.db").Refused(404, "ROUTE_NOT_FOUND")
	})
}
