package sqlite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// everything reads all posts by keys in the order of the ranks, without the list code.
func everything(t *testing.T, s *Store) (all []*blog.Post) {
	t.Helper()
	for f := (blog.PostFilter{Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 100}}); ; {
		l, err := s.Posts().List(t.Context(), f)
		must(t, err)
		all = append(all, l.Items...)
		if l.Next == nil {
			return all
		}
		f.Page.After = l.Next
	}
}

// selects is the filter as a person would write it down.
func selects(f blog.PostFilter, p *blog.Post) bool {
	return (f.Status == "" || p.Status == f.Status) && (f.Category == "" || p.Category == f.Category) &&
		(f.Author.IsZero() || p.Author.ID == f.Author) &&
		(len(f.Tags) == 0 || slices.ContainsFunc(f.Tags, func(t string) bool { return slices.Contains(p.Tags, t) })) &&
		(f.From.IsZero() || !p.PublishedAt.IsZero() && !p.PublishedAt.Before(f.From)) &&
		(f.To.IsZero() || !p.PublishedAt.IsZero() && !p.PublishedAt.After(f.To)) &&
		(f.Search.IsZero() || strings.Contains(p.Title+"\n"+p.Content, "缓存"))
}

func compare(o blog.Order) func(a, b *blog.Post) int {
	f := blog.PostFilter{Order: o}
	return func(a, b *blog.Post) int {
		ca, cb := f.Cursor(a), f.Cursor(b)
		n := 0
		switch {
		case o.Field == "relevance" && a.Tier != b.Tier:
			return b.Tier - a.Tier
		case ca.Int != cb.Int:
			n = 1
			if ca.Int < cb.Int {
				n = -1
			}
		case ca.Text != cb.Text:
			n = strings.Compare(ca.Text, cb.Text)
		default:
			n = strings.Compare(string(a.ID[:]), string(b.ID[:]))
		}
		if o.Desc || o.Field == "relevance" {
			return -n
		}
		return n
	}
}

func TestListAgreesWithAPlainFilterAndSort(t *testing.T) {
	s := open(t, Options{})
	authors := fill(t, s, 400, 300)
	all := everything(t, s)
	if len(all) != 400 {
		t.Fatalf("%d posts of 400", len(all))
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i, p := range all { // counters to sort by, with ties
		for range i % 5 {
			_, err := s.Posts().SetLike(t.Context(), p.ID, authors[r.IntN(10)].ID, true, yes)
			must(t, err)
		}
		must(t, s.Posts().AddViews(t.Context(), map[blog.ID]int64{p.ID: int64(r.IntN(4))}))
	}
	all = everything(t, s)
	for range 120 {
		checkList(t, s, all, randomFilter(r, authors))
	}
	withSparse(t, 0) // as in a large database
	for range 120 {
		f := randomFilter(r, authors)
		f.Category, f.Author, f.Tags = categories[r.IntN(4)], authors[r.IntN(10)].ID, tagNames[r.IntN(10):][:1]
		f.From, f.To, f.Search = time.Time{}, time.Time{}, blog.Query{}
		checkList(t, s, all, f)
	}
}

func withSparse(t *testing.T, rows int64) {
	before := sparse
	sparse = rows
	t.Cleanup(func() { sparse = before })
}

func TestARangeOfDatesHasTheRanksOfItsMillisecondsAndNoOther(t *testing.T) {
	low, high := rankRange(day.UnixMilli(), day.UnixMilli())
	if first, next := rankBase(day.UnixMilli(), blog.ID{}), rankBase(day.UnixMilli()+1, blog.ID{}); low != first || high != next-1 {
		t.Errorf("ranks %d to %d, want %d to %d", low, high, first, next-1)
	}
}

func randomFilter(r *rand.Rand, authors []*blog.User) (f blog.PostFilter) {
	f.Status = []blog.Status{"", blog.Published, blog.Published, blog.Draft}[r.IntN(4)]
	if r.IntN(3) == 0 {
		f.Category = categories[r.IntN(4)]
	}
	if r.IntN(3) == 0 {
		f.Author = authors[r.IntN(10)].ID
	}
	for range r.IntN(3) {
		f.Tags = append(f.Tags, tagNames[r.IntN(10)])
	}
	if r.IntN(4) == 0 {
		f.From = day.Add(time.Duration(r.IntN(400)) * time.Minute)
	}
	if r.IntN(4) == 0 {
		f.To = day.Add(time.Duration(r.IntN(400)) * time.Minute)
	}
	if r.IntN(3) == 0 {
		f.Search = blog.ParseQuery("缓存")
	}
	f.Order = blog.Order{Field: blog.PostSorts[r.IntN(len(blog.PostSorts))], Desc: r.IntN(2) == 0}
	f.Page = blog.Page{Number: 1, Limit: 1 + r.IntN(30)}
	return f
}

// checkList reads the list by cursors and by pages and compares both.
func checkList(t *testing.T, s *Store, all []*blog.Post, f blog.PostFilter) {
	t.Helper()
	var want []*blog.Post
	for _, p := range all {
		if selects(f, p) {
			p.Tier = 0
			if !f.Search.IsZero() && f.Order.Field == "relevance" && strings.Contains(p.Title, "缓存") {
				p.Tier = 2
			}
			want = append(want, p)
		}
	}
	slices.SortFunc(want, compare(f.Order))
	for got, page := 0, f; ; page.Page.Number++ {
		for _, mode := range []string{"page", "cursor"} {
			q := page
			if mode == "page" {
				q.Page.After = nil
			} else if page.Page.Number > 1 && q.Page.After == nil {
				continue
			}
			l, err := s.Posts().List(t.Context(), q)
			must(t, err)
			if l.Total != int64(len(want)) {
				t.Fatalf("%+v: total %d, want %d", q, l.Total, len(want))
			}
			part := want[min(len(want), got):min(len(want), got+f.Page.Limit)]
			if g, w := titles(l.Items), titles(part); g != w {
				t.Fatalf("%s %+v\ngot  %s\nwant %s", mode, q, g, w)
			}
			if mode == "cursor" {
				page.Page.After = l.Next
			}
		}
		got += f.Page.Limit
		if got >= len(want) || page.Page.Number > 6 {
			return
		}
	}
}

func titles(ps []*blog.Post) string {
	var all []string
	for _, p := range ps {
		all = append(all, fmt.Sprintf("%s/%d", p.Title, p.Tier))
	}
	return strings.Join(all, ", ")
}
