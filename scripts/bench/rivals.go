package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
)

// turns is how often besideBare goes back and forth: the other tenants of a shared
// machine are then in both figures alike.
const turns = 5

// besideBare measures one request in turns with a bare handler of the same bytes,
// and prints the medians and the median of the ratios.
func (b *bench) besideBare(p *process, name, path string) error {
	plain, size, err := b.bare(p, path)
	if err != nil {
		return err
	}
	defer plain.stop()
	bare, mine := rival{name: fmt.Sprintf("bare handler, %d bytes", size), p: plain, request: get(plain, "/")}, rival{name: name, p: p, request: get(p, path)}
	if err := b.inTurns(&bare, &mine); err != nil {
		return err
	}
	printRatios("x bare", func(i int) float64 { return mine.cpu(i) / bare.cpu(i) })
	return nil
}

// besideSQL is besideBare for posts from the database, with a second rival that
// does their SQL and nothing else. The bar is twice bare and half more than the SQL.
func (b *bench) besideSQL(p *process, name string, ids []string) error {
	path := func(n int) string { return "/api/posts/" + ids[n*7%len(ids)] }
	plain, size, err := b.bare(p, path(0))
	if err != nil {
		return err
	}
	defer plain.stop()
	reading, _, err := b.bare(p, path(0), "BARE_DB="+b.database)
	if err != nil {
		return err
	}
	defer reading.stop()
	each := func(p *process) func(int) (*http.Request, error) {
		return func(n int) (*http.Request, error) { return http.NewRequest("GET", p.base+path(n), nil) }
	}
	bare := rival{name: fmt.Sprintf("bare handler, %d bytes", size), p: plain, request: each(plain)}
	sql, mine := rival{name: "  and the SQL alone", p: reading, request: each(reading)}, rival{name: name, p: p, request: each(p)}
	if err := b.inTurns(&bare, &sql, &mine); err != nil {
		return err
	}
	printRatios("x bare", func(i int) float64 { return mine.cpu(i) / bare.cpu(i) })
	printRatios("x (2 bare + 1.5 SQL)", func(i int) float64 { return mine.cpu(i) / (2*bare.cpu(i) + 1.5*(sql.cpu(i)-bare.cpu(i))) })
	return nil
}

// bare starts a handler that writes as many bytes as p answers on path.
func (b *bench) bare(p *process, path string, env ...string) (*process, int, error) {
	body, err := fetch(p, path)
	if err != nil {
		return nil, 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	plain, err := startProcess(b.ctx, b.log(), b.cpus, append(env, fmt.Sprintf("BARE_BYTES=%d", len(body))), self, "bare")
	return plain, len(body), err
}

// rival is one of those that are measured in turns.
type rival struct {
	name    string
	p       *process
	request func(int) (*http.Request, error)
	seen    results
}

func (r *rival) cpu(turn int) float64 { return float64(r.seen[turn].cpu) }

func (b *bench) inTurns(rivals ...*rival) error {
	for range turns {
		for _, r := range rivals {
			one, err := b.load(r.request, turns).run(b.ctx, r.p)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			r.seen = append(r.seen, one)
		}
	}
	for _, r := range rivals {
		fmt.Printf("%-28s %v\n", r.name, slices.Clone(r.seen).median())
	}
	return nil
}

func printRatios(of string, ratio func(turn int) float64) {
	all := make([]float64, turns)
	for i := range all {
		all[i] = ratio(i)
	}
	fmt.Printf("%-28s %s %s\n", "", spread(all), of)
}
