package postgres

import (
	"testing"

	"inkstone/internal/blog"
)

func TestOthersDoNotFailWhileAProcessStandsStillInATransaction(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	hangs, works := openStore(t, url, Options{}), openStore(t, url, Options{})
	author := newAuthor(t, works)
	p := write(t, works, author, "one")

	inside, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		first := true
		_, err := hangs.Posts().Update(t.Context(), p.ID, func(p *blog.Post) error {
			if first {
				first = false
				close(inside)
				<-goOn
			}
			p.Title = "hangs"
			return nil
		})
		ended <- err
	}()
	<-inside
	_, err := works.Posts().Update(t.Context(), p.ID, func(p *blog.Post) error {
		p.Title = "works"
		return nil
	})
	if err != nil {
		t.Errorf("a write that waits for the other's lock: %v", err)
	}
	close(goOn)
	if err := <-ended; blog.CodeOf(err) != blog.CodeUnavailable {
		t.Errorf("the one that stood still: %v", err)
	}
}
