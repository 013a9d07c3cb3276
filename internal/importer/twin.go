package importer

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"inkstone/internal/blog"
)

// twins are posts from before a run, by their texts.
type twins map[digest][]twin

type digest [sha256.Size]byte

type twin struct {
	id        blog.ID
	published time.Time
}

func digestOf(title, content string) digest { return sha256.Sum256([]byte(title + "\x00" + content)) }

// unclaimed returns the author's posts that do not belong to a known file of the run:
// an import may have been killed between a post and the note of its file, and a file
// may have had another path. Known files are given the name under which they are known.
func (r *run) unclaimed(ctx context.Context) (twins, error) {
	known := map[blog.ID]bool{}
	all := true
	for i := range r.files {
		post, ok, err := r.known(ctx, &r.files[i])
		if err != nil {
			return nil, err
		}
		known[post], all = true, all && ok
	}
	if all {
		return nil, nil
	}
	found := twins{}
	return found, r.eachPost(ctx, r.author, func(p *blog.Post, _ int64) error {
		if !known[p.ID] {
			d := digestOf(p.Title, p.Content)
			found[d] = append(found[d], twin{p.ID, p.PublishedAt})
		}
		return nil
	})
}

func (r *run) known(ctx context.Context, f *file) (post blog.ID, ok bool, err error) {
	for _, name := range f.names() {
		if post, _, ok, err = r.Sources.Get(ctx, r.author, name); err != nil || ok {
			f.name = name
			break
		}
	}
	return post, ok, err
}

// claim returns the post that has the article's text, and its date if the file gives
// one; nil if there is none. A post is claimed once, so that two equal files stay
// two posts.
func (r *run) claim(ctx context.Context, a *article) (*blog.Post, error) {
	r.mu.Lock()
	same := r.twins[digestOf(a.title, a.content)]
	at := slices.IndexFunc(same, func(t twin) bool { return a.published.IsZero() || t.published.Equal(a.published) })
	var id blog.ID
	if at >= 0 {
		id = same[at].id
		r.twins[digestOf(a.title, a.content)] = slices.Delete(same, at, at+1)
	}
	r.mu.Unlock()
	if at < 0 {
		return nil, nil
	}
	return r.get(ctx, id)
}
