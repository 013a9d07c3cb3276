package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

func TestADiskWithoutRoomRefusesWritesOnlyAsLongAsItHasNone(t *testing.T) {
	dir := enginetest.SmallDisk(t, "8m")
	s := openAt(t, filepath.Join(dir, "test.db"), Options{})
	author := addUser(t, s, "author").ID
	kept := newPost(author, "留下的")
	must(t, s.Posts().Create(t.Context(), kept))
	filler := enginetest.FillUp(t, dir)

	acknowledged := refuseBySize(t, s, author)
	if _, err := s.Posts().Get(t.Context(), kept.ID); err != nil {
		t.Errorf("a read while the disk is full: %v", err)
	}
	if all := everything(t, s); len(all) != 1+acknowledged {
		t.Errorf("%d posts are listed while the disk is full, want %d", len(all), 1+acknowledged)
	}
	must(t, s.Ping(t.Context()))

	must(t, os.Remove(filler))
	late := time.Now().Add(10 * time.Second)
	for s.Posts().Create(t.Context(), newPost(author, "又有地方")) != nil {
		if time.Now().After(late) {
			t.Fatal("writes are still refused 10 s after there is room")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if all := everything(t, s); len(all) != 2+acknowledged {
		t.Errorf("%d posts, want %d", len(all), 2+acknowledged)
	}
	checkConsistent(t, s)
}

// refuseBySize creates posts until several in a row are refused, and returns how
// many were not: the log may have had room for some.
func refuseBySize(t *testing.T, s *Store, author blog.ID) (acknowledged int) {
	t.Helper()
	for refused := 0; refused < 3; {
		p := newPost(author, "没有地方")
		p.Content = strings.Repeat("大", 50000)
		err := s.Posts().Create(t.Context(), p)
		switch blog.CodeOf(err) {
		case blog.CodeStorageFull, blog.CodeUnavailable:
			refused++
		case "":
			acknowledged, refused = acknowledged+1, 0
		default:
			t.Fatalf("a write to a full disk: %v", err)
		}
		if acknowledged > 100 {
			t.Fatal("a full disk takes writes without end")
		}
	}
	return acknowledged
}
