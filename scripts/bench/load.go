package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// load is a stream of requests: clients connections, each sending its next
// request when the last is answered, for a time.
type load struct {
	clients int
	length  time.Duration
	request func(n int) (*http.Request, error) // the n-th request of all
	expect  int                                // status; 0: any
	refusal int                                // a status that is counted and no failure; 0: none
	pause   time.Duration                      // of a client between its requests

	database string // whose processes are watched, see backends
}

// result is what a load saw.
type result struct {
	requests int
	cpu      time.Duration // of the server, per request
	database time.Duration // of PostgreSQL beside it
	p50, p99 time.Duration
	statuses map[int]int
}

func (r result) String() string {
	s := fmt.Sprintf("%8d requests  %8.1f µs CPU", r.requests, micros(r.cpu))
	if r.database > 0 {
		s += fmt.Sprintf(" and %8.1f of PostgreSQL", micros(r.database))
	}
	s += fmt.Sprintf("  p50 %8.2f ms  p99 %8.2f ms", millis(r.p50), millis(r.p99))
	if refused := r.statuses[http.StatusServiceUnavailable]; refused > 0 {
		s += fmt.Sprintf("  %d refused", refused)
	}
	return s
}

type results []result

// spread tells the median of values, with the least and the most, and sorts them.
func spread(values []float64) string {
	slices.Sort(values)
	n := len(values)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", (values[(n-1)/2]+values[n/2])/2, values[0], values[n-1])
}

// median takes the median of each figure by itself.
func (rs results) median() result {
	of := func(figure func(result) int64) int64 {
		all := make([]int64, len(rs))
		for i, r := range rs {
			all[i] = figure(r)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return result{
		requests: int(of(func(r result) int64 { return int64(r.requests) })),
		cpu:      time.Duration(of(func(r result) int64 { return int64(r.cpu) })),
		database: time.Duration(of(func(r result) int64 { return int64(r.database) })),
		p50:      time.Duration(of(func(r result) int64 { return int64(r.p50) })),
		p99:      time.Duration(of(func(r result) int64 { return int64(r.p99) })),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// run sends the load to p.
func (l load) run(ctx context.Context, p *process) (result, error) {
	inDatabase, err := backends(ctx, l.database)
	if err != nil {
		return result{}, err
	}
	before, err := p.cpu()
	if err != nil {
		return result{}, err
	}
	loading, cancel := context.WithTimeout(ctx, l.length)
	defer cancel()
	var (
		mu    sync.Mutex
		times []time.Duration
		res   = result{statuses: map[int]int{}}
		fails error
		n     int
		wg    sync.WaitGroup
	)
	next := func() int { mu.Lock(); defer mu.Unlock(); n++; return n - 1 }
	for range l.clients {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for loading.Err() == nil {
				d, status, err := l.once(client, next())
				mu.Lock()
				times = append(times, d)
				res.statuses[status]++
				if err != nil && fails == nil {
					fails = err
					cancel()
				}
				mu.Unlock()
				time.Sleep(l.pause)
			}
		})
	}
	wg.Wait()
	after, err := p.cpu()
	if len(times) == 0 && fails == nil {
		fails = loading.Err() // it ended before it began
	}
	if err := errors.Join(fails, err); err != nil {
		return res, err
	}
	inDatabaseAfter, err := backends(ctx, l.database)
	if err != nil {
		return res, err
	}
	slices.Sort(times)
	res.requests = len(times)
	res.cpu, res.database = (after-before)/time.Duration(len(times)), since(inDatabase, inDatabaseAfter)/time.Duration(len(times))
	res.p50, res.p99 = times[len(times)/2], times[len(times)*99/100]
	return res, nil
}

// once sends a request to its end, whatever the load's time: half answers would
// blur the figures.
func (l load) once(client *http.Client, n int) (time.Duration, int, error) {
	req, err := l.request(n)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, 0, err
	}
	if l.expect != 0 && resp.StatusCode != l.expect && resp.StatusCode != l.refusal {
		return 0, 0, fmt.Errorf("%s %s answered %d", req.Method, req.URL, resp.StatusCode)
	}
	return time.Since(start), resp.StatusCode, nil
}
