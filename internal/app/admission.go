package app

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"

	"inkstone/internal/background"
	"inkstone/internal/blog"
	"inkstone/internal/limit"
	"inkstone/internal/web"
)

// admission bounds who reads at once. Reading takes a processor and nothing else, so
// more would only make each other late. A search takes as long as many other reads:
// searches queue among themselves first, so that they never take all the places, and are
// done in the background of the others.
//
// On a database server reading takes a connection, too, and may wait there for somebody's
// lock. Then reads leave connections to writers, and what is asked of accounts, which every
// request with a token needs, stands in a line of its own. Searches wait for the server like
// other reads, and there is nothing to do in the background.
type admission struct {
	reads, searches, accounts *limit.Admission
	background                *background.Pool // nil: on a server
}

// searchNice is how much nicer than the process a search is: it has a third of the share of
// what is not, and is put aside as soon as such a thing can run.
const searchNice = 5

// newAdmission makes an admission for so many connections to a database server; 0: it is
// a file.
func newAdmission(connections int) admission {
	n := runtime.GOMAXPROCS(0)
	searches, reads := n, 2*n
	if connections > 0 {
		// The store gives half of them to writers; a fifth is left for accounts.
		reads = max(1, min(reads, connections*3/10))
		searches = max(1, min(searches, reads-1))
	}
	a := admission{reads: limit.NewAdmission(reads, 1), searches: limit.NewAdmission(searches, 2)}
	if connections > 0 {
		a.accounts = limit.NewAdmission(2*n, 1)
	} else {
		a.accounts, a.background = a.reads, background.NewPool(n, searchNice)
	}
	return a
}

// close ends what works in the background.
func (a admission) close() error {
	if a.background != nil {
		a.background.Close()
	}
	return nil
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
	line := a.reads
	if strings.HasPrefix(operation, "users.") {
		line = a.accounts
	}
	leave, err := enter(ctx, line)
	if err != nil {
		return err
	}
	defer leave()
	if !searches || a.background == nil {
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
