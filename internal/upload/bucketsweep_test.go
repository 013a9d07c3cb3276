package upload

import (
	"context"
	"net/http"
	"testing"
	"time"

	"inkstone/internal/blog"
)

func TestTheSweepLeavesAloneWhatIsJustBeingStored(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	put, goOn := make(chan bool), make(chan bool)
	l.breaks(func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		if r.Method != http.MethodPut || !isImage(r) {
			return false
		}
		pass.ServeHTTP(w, r)
		put <- true
		<-goOn
		return true
	})
	h.files.(*S3).deliverTime = 10 * time.Second
	done := make(chan error)
	go func() {
		_, err := h.sendParts(t, numbered(1, pngOf(t, 1, 1))...)
		done <- err
	}()
	<-put // the object is there, its row is not
	for range 2 {
		if err := l.openS3(t).Sweep(t.Context(), h.find); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.wantWhole(t, 1)
}

// A bucket may be used by others, and a database may be an older one.
func TestTheSweepTouchesNothingWithoutANote(t *testing.T) {
	b := newBucket(t)
	h := build(t, b)
	us, err := h.sendParts(t, numbered(2, pngOf(t, 1, 1))...)
	if err != nil {
		t.Fatal(err)
	}
	s := b.sweeper(t)
	for _, note := range []blog.Upload{{Filename: "readme.txt"}, {Filename: us[0].Filename}} {
		if err := s.note(t.Context(), []blog.Upload{note, {Filename: "../../x"}}); err != nil {
			t.Fatal(err)
		}
	}
	other := newRows()
	other.all[us[0].Filename] = us[0]
	find := func(ctx context.Context, name string) (blog.Upload, error) { return other.Get(ctx, name) }
	if err := s.Sweep(t.Context(), find); err != nil {
		t.Fatal(err)
	}
	h.wantWhole(t, 2)
}

func TestMoreNotesThanOneListingHoldsAreSwept(t *testing.T) {
	b := newBucket(t)
	h := build(t, b)
	s := b.sweeper(t)
	s.notesAtOnce = 3
	for i := range 10 {
		u := blog.Upload{Field: "image", Filename: newFilename("image", time.UnixMilli(int64(i)), ".png"), Size: 1}
		if err := s.note(t.Context(), []blog.Upload{u}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sweep(t.Context(), h.find); err != nil {
		t.Fatal(err)
	}
	if n := b.notes(t); n != 0 {
		t.Errorf("%d notes are left", n)
	}
}
