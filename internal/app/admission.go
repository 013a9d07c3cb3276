package app

import (
	"context"
	"errors"
	"net/http"
	"runtime"

	"inkstone/internal/blog"
	"inkstone/internal/limit"
	"inkstone/internal/web"
)

// admission bounds who reads at once. Reading takes a processor and nothing else, so
// more would only make each other late. A search takes as long as many other reads:
// searches queue among themselves first, so that they never take all the places.
type admission struct{ reads, searches *limit.Admission }

func newAdmission() admission {
	processors := runtime.GOMAXPROCS(0)
	return admission{limit.NewAdmission(2*processors, 1), limit.NewAdmission(processors, 2)}
}

// admit is store.Options.Admit.
func (a admission) admit(ctx context.Context, operation string) (func(), error) {
	if operation != "posts.search" {
		return enter(ctx, a.reads)
	}
	leave, err := enter(ctx, a.searches)
	if err != nil {
		return nil, err
	}
	leaveReads, err := enter(ctx, a.reads)
	if err != nil {
		leave()
		return nil, err
	}
	return func() { leaveReads(); leave() }, nil
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
