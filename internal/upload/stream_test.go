package upload

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// pattern is a body that is made as it is read, so that it takes no memory itself.
type pattern struct{ left int }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := min(p.left, len(b))
	clear(b[:n])
	p.left -= n
	return n, nil
}

func bigForm(t testing.TB, files int) (string, func() io.Reader) {
	head := pngOf(t, 1, 1)
	body := func() io.Reader {
		var rs []io.Reader
		for i := range files {
			rs = append(rs, strings.NewReader(fmt.Sprintf("\r\n--b\r\nContent-Disposition: form-data; name=\"images\"; filename=\"%d\"\r\n\r\n%s", i, head)),
				&pattern{MaxSize - len(head)})
		}
		return io.MultiReader(append(rs, strings.NewReader("\r\n--b--\r\n"))...)
	}
	return "multipart/form-data; boundary=b", body
}

func TestUploadsAreStreamed(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		bound := uint64(1 << 20)
		if _, ok := h.files.(*S3); ok {
			bound = 10 << 20 // five requests with their buffers; of the files themselves it would be 25
		}
		contentType, body := bigForm(t, 5)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := h.receive(request(contentType, body()), alice, "images", MaxFiles); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > bound {
			t.Errorf("25 MB of files took %d KB of memory", used>>10)
		}
		h.wantWhole(t, 5)
	})
}

func BenchmarkFiveFilesOf5MB(b *testing.B) {
	h := newHouse(b)
	contentType, body := bigForm(b, 5)
	b.SetBytes(5 * MaxSize)
	b.ReportAllocs()
	for b.Loop() {
		us, err := h.receive(request(contentType, body()), alice, "images", MaxFiles)
		if err != nil {
			b.Fatal(err)
		}
		for _, u := range us {
			if err := h.Delete(b.Context(), alice, u.Filename); err != nil {
				b.Fatal(err)
			}
		}
	}
}
