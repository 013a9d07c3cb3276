package app

import (
	"context"
	"errors"
	"net/http"
	"runtime"

	"inkstone/internal/background"
	"inkstone/internal/blog"
	"inkstone/internal/limit"
	"inkstone/internal/web"
)

// admission bounds who reads at once. Reading takes a processor and nothing else, so
// more would only make each other late. A search takes as long as many other reads:
// searches queue among themselves first, so that they never take all the places, and are
// done in the background of the others.
type admission struct {
	reads, searches *limit.Admission
	background      *background.Pool
}

// searchNice is how much nicer than the process a search is: it has a third of the share of
// what is not, and is put aside as soon as such a thing can run.
const searchNice = 5

func newAdmission() admission {
	n := runtime.GOMAXPROCS(0)
	return admission{limit.NewAdmission(2*n, 1), limit.NewAdmission(n, 2), background.NewPool(n, searchNice)}
}

// read is store.Options.Read.
func (a admission) read(ctx context.Context, operation string, work func() error) (err error) {
	searches := operation == "posts.search"
	if searches {
		leave, err := enter(ctx, a.searches)
		if err != nil {
			return err
		}
		defer leave()
	}
	leave, err := enter(ctx, a.reads)
	if err != nil {
		return err
	}
	defer leave()
	if !searches {
		return work()
	}
	a.background.Do(func() { err = work() })
	return err
}

// full is web.EdgeOptions.Full: what needs a search, by isSearch, need not stand in
// line to be refused.
func (a admission) full(isSearch func(*http.Request) bool) func(*http.Request, web.Visitor) bool {
	return func(r *http.Request, who web.Visitor) bool {
		if !a.searches.Full(who == web.Member) || !isSearch(r) {
			return false
		}
		a.searches.Refused()
		return true
	}
}

func enter(ctx context.Context, line *limit.Admission) (leave func(), err error) {
	leave, err = line.Enter(ctx)
	if errors.Is(err, limit.ErrBusy) {
		err = blog.Wrap(blog.CodeBusy, err)
	}
	return leave, err
}
