package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func wantWrong(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("found %q, want %q", got, want)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("found %q, want %q", got[i], want[i])
		}
	}
}

func TestWhatWasAcknowledgedMustBeThereOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		there []postAnswer
		want  []string
	}{
		{"as acknowledged", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 1}}, nil},
		{"lost", nil, []string{"is lost"}},
		{"doubled", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 1}, {ID: "2", Title: "a"}}, []string{"2 times"}},
		{"an old version", []postAnswer{{ID: "1", Title: "a", Excerpt: "v0", LikeCount: 1}}, []string{"v0"}},
		{"a change that failed", []postAnswer{{ID: "1", Title: "a", Excerpt: "v2", LikeCount: 1}}, nil},
		{"a like that failed", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 2}}, nil},
		{"a like lost", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1"}}, []string{"0 likes"}},
		{"a like too many", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 3}}, []string{"3 likes"}},
		{"a creation that failed", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 1}, {ID: "2", Title: "failed"}}, nil},
		{"such a one doubled", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 1}, {ID: "2", Title: "failed"}, {ID: "3", Title: "failed"}}, []string{"2 times"}},
		{"out of nothing", []postAnswer{{ID: "1", Title: "a", Excerpt: "v1", LikeCount: 1}, {ID: "2", Title: "b"}}, []string{"nobody wrote"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l ledger
			p := l.created("a", "v0", "1")
			l.created("failed", "v0", "")
			p.changed("v1", true)
			p.changed("v2", false)
			p.added(p.likes, "somebody", true)
			p.added(p.likes, "somebody", false) // again, in vain
			p.added(p.likes, "another", false)
			there := map[string]postAnswer{}
			for _, a := range c.there {
				there[a.ID] = a
			}
			wantWrong(t, l.comparePosts(there), c.want...)
		})
	}
}

func TestCommentsMustBeThereOnceAndCounted(t *testing.T) {
	var l ledger
	p := l.created("a", "v", "1")
	p.added(p.comments, "one", true)
	p.added(p.comments, "failed", false)
	wantWrong(t, p.compareComments(map[string]int{"one": 1}, 1))
	wantWrong(t, p.compareComments(map[string]int{"one": 1, "failed": 1}, 2))
	wantWrong(t, p.compareComments(map[string]int{"one": 1}, 2), "counts 2")
	wantWrong(t, p.compareComments(map[string]int{"one": 2}, 2), "2 times")
	wantWrong(t, p.compareComments(map[string]int{"failed": 1}, 1), "is lost")
}

func TestOnlyAWriteToTheInstanceAtTheMomentMayFail(t *testing.T) {
	from := time.Now()
	k := []moment{{from, from.Add(10 * time.Millisecond)}}
	write := outcome{begun: from.Add(-time.Millisecond), took: 5 * time.Millisecond, method: "POST", route: "/api/posts", status: http.StatusBadGateway}
	if !mayBeKilled(write, k) {
		t.Error("a write that was under way must not fail")
	}
	for what, change := range map[string]func(*outcome){
		"a read":                func(o *outcome) { o.method = "GET" },
		"another service's":     func(o *outcome) { o.route = "/api/posts/{id}/comments" },
		"one from before":       func(o *outcome) { o.begun = from.Add(-time.Second) },
		"one from after":        func(o *outcome) { o.begun = from.Add(time.Second) },
		"another kind of error": func(o *outcome) { o.status = http.StatusServiceUnavailable },
	} {
		o := write
		change(&o)
		if mayBeKilled(o, k) {
			t.Errorf("%s may fail", what)
		}
	}
}
