package app

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/limit"
	"inkstone/internal/web"
)

func TestSearchesLeaveRoomForOtherReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, processors := newAdmission(0), runtime.GOMAXPROCS(0)
		t.Cleanup(func() { _ = a.close() })
		begin := func(operation string) (begun *bool) {
			begun = new(bool)
			go func() {
				_ = a.read(limit.WithTicket(t.Context(), &limit.Ticket{}), operation, func() error {
					*begun = true
					<-t.Context().Done()
					return nil
				})
			}()
			synctest.Wait()
			return begun
		}
		searching := 0
		for range 10 * processors {
			if *begin("posts.search") {
				searching++
			}
		}
		if searching != processors {
			t.Errorf("%d search at once on %d processors", searching, processors)
		}
		for range processors {
			if !*begin("posts.list") {
				t.Error("searches keep a list out")
			}
		}
		if *begin("posts.list") {
			t.Error("more lists are read than there are places")
		}
	})
}

func TestOnlySearchesAreRefusedForTheLineOfSearches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, processors := newAdmission(0), runtime.GOMAXPROCS(0)
		t.Cleanup(func() { _ = a.close() })
		full := a.full(func(r *http.Request) bool { return r.URL.Path == "/search" })
		search, list := httptest.NewRequest("GET", "/search", nil), httptest.NewRequest("GET", "/list", nil)
		if full(search, web.Stranger) {
			t.Error("full, and nobody searches")
		}
		crowd := func(size int) {
			for range size {
				go func() {
					_ = a.read(limit.WithTicket(t.Context(), &limit.Ticket{}), "posts.search", func() error {
						<-t.Context().Done()
						return nil
					})
				}()
			}
			synctest.Wait()
		}
		crowd(100 * processors)
		time.Sleep(time.Second)
		crowd(10 * processors)
		for _, c := range []struct {
			r    *http.Request
			who  web.Visitor
			want bool
		}{{search, web.Stranger, true}, {search, web.Member, false}, {list, web.Stranger, false}} {
			if got := full(c.r, c.who); got != c.want {
				t.Errorf("%s of %d: full %v", c.r.URL, c.who, got)
			}
		}
	})
}

func TestOnAServerReadsKeepNoAccountsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(10)
		t.Cleanup(func() { _ = a.close() })
		reading := 0
		begin := func(operation string) (begun bool) {
			go func() {
				_ = a.read(limit.WithTicket(t.Context(), &limit.Ticket{}), operation, func() error {
					begun = true
					<-t.Context().Done()
					return nil
				})
			}()
			synctest.Wait()
			return begun
		}
		for range 20 {
			if begin("posts.list") {
				reading++
			}
		}
		if reading == 0 || reading > 3 {
			t.Errorf("%d read at once by 10 connections", reading)
		}
		if !begin("users.session") {
			t.Error("reads keep a session out")
		}
	})
}

func TestOnAServerASearchIsNoWorkForTheBackground(t *testing.T) {
	a := newAdmission(10)
	var stack string
	err := a.read(limit.WithTicket(t.Context(), &limit.Ticket{}), "posts.search", func() error { stack = string(debug.Stack()); return nil })
	if err != nil || !strings.Contains(stack, "TestOnAServerASearch") {
		t.Errorf("%v, by %s", err, stack)
	}
}
