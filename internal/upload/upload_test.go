package upload

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"inkstone/internal/blog"
)

func TestTypeAndExtensionComeFromTheContent(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for ext, content := range map[string][]byte{
			".jpg": jpegOf(t), ".png": pngOf(t, 3, 2), ".gif": gifOf(t), ".webp": webpOf(),
		} {
			us, err := h.sendParts(t, part{"images", "evil.html", content})
			if err != nil {
				t.Fatalf("%s: %v", ext, err)
			}
			u := us[0]
			if filepath.Ext(u.Filename) != ext || u.OriginalName != "evil.html" || u.Size != int64(len(content)) {
				t.Errorf("%s: %+v", ext, u)
			}
			if _, ok := fieldOf(u.Filename); !ok {
				t.Errorf("%s is not a name that is served", u.Filename)
			}
		}
		h.wantWhole(t, 4)
	})
}

// withSize returns a PNG whose header promises w times h pixels.
func withSize(t *testing.T, w, h uint32) []byte {
	b := pngOf(t, 1, 1)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestWhatIsNoImageIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for name, content := range map[string][]byte{
			"empty":              {},
			"text":               []byte("hello"),
			"svg":                []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
			"html in a gif":      []byte("GIF89a<script>alert(1)</script>"),
			"signature only":     []byte("\x89PNG\r\n\x1a\n"),
			"jpeg signature":     []byte("\xff\xd8\xff\xe0<?php"),
			"webp signature":     []byte("RIFF\x00\x00\x00\x00WEBPVP8 garbage garbage"),
			"riff of sound":      []byte("RIFF\x00\x00\x00\x00WAVEfmt "),
			"cut header":         pngOf(t, 3, 2)[:20],
			"no pixels":          withSize(t, 0, 5),
			"51 megapixels":      withSize(t, 51_000, 1_000),
			"too wide for 32bit": withSize(t, 1<<31-1, 1<<31-1),
			"bmp":                []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		} {
			_, err := h.sendParts(t, part{"images", "a.png", content})
			if blog.CodeOf(err) != blog.CodeUploadType {
				t.Errorf("%s: %v", name, err)
			}
		}
		h.wantWhole(t, 0)
		if _, err := h.sendParts(t, part{"images", "a.png", withSize(t, 50_000, 1_000)}); err != nil {
			t.Errorf("50 megapixels: %v", err)
		}
	})
}

// A header can be cut into chunks without content, each read apart.
func TestAHeaderInManyPiecesIsReadInFew(t *testing.T) {
	pieces := strings.Repeat("JUNK\x00\x00\x00\x00", MaxSize/8-10)
	content := "RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(pieces)+4))) + "WEBP" + "VP8?" + pieces[4:]
	staged := &countedFile{Reader: strings.NewReader(content)}
	n, err := write(staged, bufio.NewReaderSize(strings.NewReader(content), 32<<10), kinds[4])
	if n != int64(len(content)) || blog.CodeOf(err) != blog.CodeUploadType {
		t.Errorf("%d bytes, %v", n, err)
	}
	if staged.reads > 1000 {
		t.Errorf("%d reads of the file", staged.reads)
	}
}

// countedFile has its content already.
type countedFile struct {
	*strings.Reader
	reads int
}

func (f *countedFile) Read(p []byte) (int, error)  { f.reads++; return f.Reader.Read(p) }
func (f *countedFile) Write(p []byte) (int, error) { return len(p), nil }
func (f *countedFile) Sync() error                 { return nil }
func (f *countedFile) Close() error                { return nil }

func TestFiveMegabytesPassAndAByteMoreDoesNot(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		if _, err := h.sendParts(t, part{"images", "a.png", sized(t, MaxSize)}); err != nil {
			t.Fatal(err)
		}
		_, err := h.sendParts(t, part{"images", "a.png", sized(t, MaxSize+1)})
		wantCode(t, err, blog.CodeUploadTooLarge)
		_, err = h.sendParts(t, part{"images", "a.png", make([]byte, MaxSize+1)})
		wantCode(t, err, blog.CodeUploadTooLarge)
		h.wantWhole(t, 1)
	})
}

func TestABatchIsAllOrNone(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		good := pngOf(t, 1, 1)
		if us, err := h.sendParts(t, numbered(5, good)...); err != nil || len(us) != 5 || us[3].OriginalName != "3.png" {
			t.Fatal(us, err)
		}
		for code, parts := range map[blog.Code][]part{
			blog.CodeUploadTooMany:  numbered(6, good),
			blog.CodeUploadType:     append(numbered(4, good), part{"images", "x", []byte("text")}),
			blog.CodeUploadInvalid:  append(numbered(2, good), part{"image", "x", good}),
			blog.CodeUploadTooLarge: append(numbered(2, good), part{"images", "x", sized(t, MaxSize+1)}),
		} {
			_, err := h.sendParts(t, parts...)
			wantCode(t, err, code)
		}
		h.wantWhole(t, 5)
	})
}

func TestASingleUploadTakesOneFileOfItsField(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		good := pngOf(t, 1, 1)
		single := func(parts ...part) error {
			contentType, body := multi(t, parts...)
			_, err := h.receive(request(contentType, bytes.NewReader(body)), alice, "image", 1)
			return err
		}
		wantCode(t, single(part{"image", "a", good}, part{"image", "b", good}), blog.CodeUploadInvalid)
		wantCode(t, single(part{"images", "a", good}), blog.CodeUploadInvalid)
		wantCode(t, single(part{"note", "", []byte("a field")}, part{"image", "a", good}), "")
		h.wantWhole(t, 1)
	})
}

func TestABodyWithoutAFileIsTold(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		formType, fieldsOnly := multi(t, part{"note", "", []byte("x")})
		for _, c := range []struct {
			name, contentType, body string
			code                    blog.Code
		}{
			{"json", "application/json", `{"image":"x"}`, blog.CodeUploadMissing},
			{"nothing", "", "", blog.CodeUploadMissing},
			{"empty form", formType, "", blog.CodeUploadMissing},
			{"fields only", formType, string(fieldsOnly), blog.CodeUploadMissing},
			{"nothing chosen", "multipart/form-data; boundary=b",
				"--b\r\nContent-Disposition: form-data; name=\"images\"; filename=\"\"\r\n\r\n\r\n--b--\r\n", blog.CodeUploadMissing},
			{"no boundary", "multipart/form-data", "--b--", blog.CodeUploadInvalid},
			{"other boundary", "multipart/form-data; boundary=c", string(fieldsOnly), blog.CodeUploadInvalid},
			{"no name", "multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n", blog.CodeUploadInvalid},
			{"huge header", "multipart/form-data; boundary=b",
				"--b\r\nContent-Disposition: form-data; name=\"images\"\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n\r\n--b--", blog.CodeUploadInvalid},
			{"huge preamble", "multipart/form-data; boundary=b", strings.Repeat("x\r\n", 1<<20), blog.CodeUploadInvalid},
		} {
			_, err := h.send(c.contentType, []byte(c.body))
			if blog.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", c.name, err, c.code)
			}
		}
		_, err := h.sendParts(t, part{"note", "", make([]byte, 1<<20)})
		wantCode(t, err, blog.CodeUploadInvalid)
		many := make([]part, maxFields+1)
		for i := range many {
			many[i] = part{field: "note"}
		}
		_, err = h.sendParts(t, many...)
		wantCode(t, err, blog.CodeUploadInvalid)
		h.wantWhole(t, 0)
	})
}

func TestATruncatedBodyLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		contentType, body := multi(t, part{"images", "a.png", sized(t, 9_000)}, part{"images", "b.png", sized(t, 9_000)})
		end := len(body) - len("--\r\n")
		cuts := []int{end - 1, end, end + 1}
		for n := 1; n < end; n += 100 {
			cuts = append(cuts, n)
		}
		for _, n := range cuts {
			if _, err := h.send(contentType, body[:n]); blog.CodeOf(err) != blog.CodeUploadInvalid {
				t.Fatalf("cut after %d of %d: %v", n, len(body), err)
			}
		}
		h.wantWhole(t, 0)
	})
}

func TestOriginalNamesAreMadeHarmless(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{`filename="图片.png"`, "图片.png"},
		{`filename="../../evil.png"`, "evil.png"},
		{`filename="C:\dir\a.png"`, "a.png"},
		{`filename*=UTF-8''%E5%9B%BE%E7%89%87.png`, "图片.png"},
		{`filename="x.png"; filename*=UTF-8''%E5%9B%BE.png`, "图.png"},
		{`filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%00.png`, "aSet-Cookie: x.png"},
		{`filename="` + strings.Repeat("图", 300) + `"`, strings.Repeat("图", 255)},
		{"filename=\"\xff\xfe.png\"", "\uFFFD.png"},
		{"filename=\"gpj.\u202eexe\"", "gpj.exe"},
	} {
		h := newHouse(t)
		body := "--b\r\nContent-Disposition: form-data; name=\"images\"; " + c.header + "\r\n\r\n" + string(pngOf(t, 1, 1)) + "\r\n--b--\r\n"
		us, err := h.send("multipart/form-data; boundary=b", []byte(body))
		if err != nil {
			t.Errorf("%s: %v", c.header, err)
		} else if us[0].OriginalName != c.want {
			t.Errorf("%s: %q, want %q", c.header, us[0].OriginalName, c.want)
		}
	}
	h := newHouse(t)
	us, err := h.sendParts(t, part{"images", "dir/", pngOf(t, 1, 1)})
	if err != nil || us[0].OriginalName != us[0].Filename {
		t.Errorf("a name that is only a path: %+v, %v", us, err)
	}
}

func TestTheQuotaHoldsForTheWholeBatch(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		good := sized(t, 1000)
		h.quota = 4500
		_, err := h.sendParts(t, numbered(4, good)...)
		wantCode(t, err, "")
		_, err = h.sendParts(t, numbered(1, good)...)
		wantCode(t, err, blog.CodeUploadQuota)
		h.wantWhole(t, 4)
	})
}

func TestParallelUploadsStayApart(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		contentType, body := multi(t, numbered(5, sized(t, 20_000))...)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := h.send(contentType, body); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		h.wantWhole(t, 100)
	})
}

func TestOnlyTheOwnerAndAdminsDelete(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		us, err := h.sendParts(t, numbered(2, pngOf(t, 1, 1))...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, bob := t.Context(), blog.Actor{ID: blog.NewID(time.Now()), Role: blog.RoleUser}
		wantCode(t, h.Delete(ctx, bob, us[0].Filename), blog.CodeNotOwner)
		wantCode(t, h.Delete(ctx, bob, "../secret"), blog.CodeFileNotFound)
		h.wantWhole(t, 2)
		wantCode(t, h.Delete(ctx, alice, us[0].Filename), "")
		wantCode(t, h.Delete(ctx, alice, us[0].Filename), blog.CodeFileNotFound)
		bob.Role = blog.RoleAdmin
		wantCode(t, h.Delete(ctx, bob, us[1].Filename), "")
		h.wantWhole(t, 0)
	})
}

func TestTheImagesOfADeletedUserGo(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		if _, err := h.sendParts(t, numbered(3, pngOf(t, 1, 1))...); err != nil {
			t.Fatal(err)
		}
		h.rows.ownerless[alice.ID] = true
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.wantWhole(t, 0)
	})
}

func TestOneOfManyDeletesWins(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		us, err := h.sendParts(t, numbered(2, pngOf(t, 1, 1))...)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var won atomic.Int32
		for range 10 {
			wg.Go(func() {
				switch err := h.Delete(context.Background(), alice, us[0].Filename); blog.CodeOf(err) {
				case "":
					won.Add(1)
				case blog.CodeFileNotFound:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d deletes were told they did it", won.Load())
		}
		h.wantWhole(t, 1)
	})
}

func FuzzAnyBodyIsAnsweredAndLeavesNothingHalf(f *testing.F) {
	h := newHouse(f)
	contentType, body := multi(f, part{"images", "a.png", pngOf(f, 1, 1)}, part{"note", "", []byte("x")})
	f.Add(contentType, body)
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=images; filename*=UTF-8''a\r\n\r\nGIF89a\r\n--b--"))
	f.Add("multipart/form-data; boundary=\"\"", []byte("--\r\n\r\n----"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		us, err := h.send(contentType, body)
		switch blog.CodeOf(err) {
		case "", blog.CodeUploadMissing, blog.CodeUploadInvalid, blog.CodeUploadType, blog.CodeUploadTooMany, blog.CodeUploadTooLarge:
		default:
			t.Fatal(err)
		}
		for _, u := range us {
			if !utf8.ValidString(u.OriginalName) || strings.ContainsAny(u.OriginalName, "\r\n\x00/") || u.OriginalName == "" {
				t.Fatalf("name %q", u.OriginalName)
			}
			if err := h.Delete(t.Context(), alice, u.Filename); err != nil {
				t.Fatal(err)
			}
		}
		h.wantWhole(t, 0)
	})
}
