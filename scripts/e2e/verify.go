package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// verify holds what the site has now against what its clients were told.
func (l *ledger) verify(ctx context.Context, s *site, t *trial) error {
	there, err := s.allPosts(ctx)
	if err != nil {
		return err
	}
	wrong, comments := l.comparePosts(there), 0
	for _, p := range l.posts {
		now, ok := there[p.id]
		if !ok || len(p.comments) == 0 && now.CommentCount == 0 {
			continue
		}
		texts, err := s.allComments(ctx, p.id)
		if err != nil {
			return err
		}
		comments += len(texts)
		wrong = append(wrong, p.compareComments(texts, now.CommentCount)...)
	}
	for _, f := range l.files {
		if err := s.compareFile(ctx, f); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	t.tell("acknowledged, and there at the end: %d posts, %d comments and %d files; %d posts may or may not be there", len(l.posts), comments, len(l.files), len(l.unsure))
	for _, w := range wrong[:min(shown, len(wrong))] {
		t.breaks("at the end: %s", w)
	}
	if len(wrong) > shown {
		t.breaks("at the end: %d more of this kind", len(wrong)-shown)
	}
	return nil
}

// comparePosts says what is wrong with the posts that are there, by id.
func (l *ledger) comparePosts(there map[string]postAnswer) (wrong []string) {
	titles := map[string]int{}
	for _, p := range there {
		titles[p.Title]++
	}
	for _, p := range l.posts {
		now, ok := there[p.id]
		likes, mostLikes := count(p.likes)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("post %s (%s) is lost", p.id, p.title))
		case titles[p.title] != 1:
			wrong = append(wrong, fmt.Sprintf("%q is there %d times", p.title, titles[p.title]))
		case !p.mayBe(now.Excerpt):
			wrong = append(wrong, fmt.Sprintf("post %s is at %q, and was acknowledged at %q", p.id, now.Excerpt, p.version))
		case now.LikeCount < likes || now.LikeCount > mostLikes:
			wrong = append(wrong, fmt.Sprintf("post %s has %d likes, not %d to %d", p.id, now.LikeCount, likes, mostLikes))
		}
		delete(titles, p.title)
	}
	for _, p := range l.unsure {
		if titles[p.title] > 1 {
			wrong = append(wrong, fmt.Sprintf("%q, which failed, is there %d times", p.title, titles[p.title]))
		}
		delete(titles, p.title)
	}
	for title := range titles {
		wrong = append(wrong, fmt.Sprintf("nobody wrote %q", title))
	}
	return wrong
}

func (p *post) compareComments(texts map[string]int, counted int) (wrong []string) {
	all := 0
	for text, n := range texts {
		if _, known := p.comments[text]; !known || n > 1 {
			wrong = append(wrong, fmt.Sprintf("comment %q is there %d times", text, n))
		}
		all += n
	}
	for text, f := range p.comments {
		if f == acked && texts[text] == 0 {
			wrong = append(wrong, fmt.Sprintf("comment %q is lost", text))
		}
	}
	if counted != all {
		wrong = append(wrong, fmt.Sprintf("post %s counts %d comments, of %d", p.id, counted, all))
	}
	return wrong
}

// allPosts returns the posts by their ids.
func (s *site) allPosts(ctx context.Context) (map[string]postAnswer, error) {
	all := map[string]postAnswer{}
	err := s.pages(ctx, "/api/posts", func(a page) (int, error) {
		for _, p := range a.Posts {
			if _, twice := all[p.ID]; twice {
				return 0, fmt.Errorf("post %s is listed twice", p.ID)
			}
			all[p.ID] = p
		}
		return len(a.Posts), nil
	})
	return all, err
}

// allComments returns how often each text is there.
func (s *site) allComments(ctx context.Context, id string) (map[string]int, error) {
	all := map[string]int{}
	err := s.pages(ctx, "/api/posts/"+id+"/comments", func(a page) (int, error) {
		for _, c := range a.Comments {
			all[c.Content]++
		}
		return len(a.Comments), nil
	})
	return all, err
}

type page struct {
	postsAnswer
	Comments []struct{ Content string }
}

// pages goes through a list; take returns how many there are on a page.
func (s *site) pages(ctx context.Context, path string, take func(page) (int, error)) error {
	for next, n := "", 0; ; n++ {
		var a page
		query := "?limit=100&sort=createdAt"
		if next != "" {
			query += "&cursor=" + url.QueryEscape(next)
		}
		if err := ask(ctx, "GET", s.gateways[n%2].url()+path+query, "", nil, &a); err != nil {
			return err
		}
		got, err := take(a)
		if next = a.Pagination.Next; err != nil || got == 0 || next == "" {
			return err
		}
	}
}

func (s *site) compareFile(ctx context.Context, f file) error {
	r, err := http.NewRequestWithContext(ctx, "GET", s.gateways[0].url()+f.url, nil)
	if err != nil {
		return err
	}
	got, err := asking.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, got.Body); err != nil {
		return err
	}
	if [sha256.Size]byte(sum.Sum(nil)) != f.sum {
		return errors.Join(fmt.Errorf("file %s has other bytes than were uploaded (%d)", f.url, got.StatusCode))
	}
	return nil
}
