package sqlite

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// frames returns how many pages the write-ahead log holds: mxFrame of its index.
func frames(t *testing.T, s *Store) int {
	t.Helper()
	for range 100 {
		if h, ok := s.generation.index.header(); ok {
			return int(binary.NativeEndian.Uint32(h[16:]))
		}
	}
	t.Skip("the index of the log cannot be read here")
	return 0
}

// overlap reads until stop is closed, so that at each moment somebody reads.
func overlap(t *testing.T, path string, stop chan struct{}) (ended chan struct{}) {
	ended = make(chan struct{})
	reading, next := beginRead(t, path), beginRead(t, path)
	go func() {
		defer close(ended)
		defer func() { must(t, reading.Close()); must(t, next.Close()) }()
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			must(t, reading.exec("ROLLBACK"))
			must(t, reading.exec("BEGIN"))
			_, err := reading.number(readGeneration)
			must(t, err)
			reading, next = next, reading
		}
	}()
	return ended
}

func beginRead(t *testing.T, path string) *conn {
	t.Helper()
	c, err := openReader(path, hooks{})
	must(t, err)
	must(t, c.exec("BEGIN"))
	_, err = c.number(readGeneration)
	must(t, err)
	return c
}

func TestTheLogBeginsAnewWhileReadsOverlap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	author := addUser(t, s, "author").ID
	write := func() {
		p := newPost(author, "一个")
		p.Content = strings.Repeat("很长的内容", 1000)
		must(t, s.Posts().Create(t.Context(), p))
	}
	write()
	stop := make(chan struct{})
	ended := overlap(t, path, stop)
	defer func() { close(stop); <-ended }()
	for range 100 { // without a bound the log keeps all of it
		write()
	}
	grown := frames(t, s)
	must(t, s.writer.write(t.Context(), func(*conn) error { s.writer.log.limit = 1 << 20; return nil }))
	for range 10 {
		write()
	}
	if n := frames(t, s); n >= grown {
		t.Errorf("the log has %d pages, %d before it had a bound", n, grown)
	}
}

func TestALongReadIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	author := addUser(t, s, "author").ID
	held := func() (held bool) {
		must(t, s.writer.write(t.Context(), func(*conn) error { return nil })) // what was written is checkpointed by now
		c := beginRead(t, path)
		must(t, c.script("ROLLBACK; PRAGMA query_only = OFF"))
		held = s.writer.log.held(c)
		must(t, c.Close())
		return held
	}
	for _, long := range []bool{true, false} {
		read := beginRead(t, path)
		for range 60 {
			p := newPost(author, "一个")
			p.Content = strings.Repeat("很长的内容", 5000)
			must(t, s.Posts().Create(t.Context(), p))
		}
		if !long {
			must(t, read.Close())
		}
		if got := held(); got != long {
			t.Errorf("held: %v while a long read goes on: %v", got, long)
		}
		if long {
			must(t, read.Close())
		}
	}
}
