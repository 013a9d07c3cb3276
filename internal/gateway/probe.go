package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Bounds of a question how an instance is.
const (
	aliveWithin = time.Second     // /livez waits for nothing
	readyWithin = 3 * time.Second // /readyz waits up to two seconds for the database
)

// prober asks instances how they are, each time on a connection of its own: what is asked is
// also whether one can be had.
type prober struct {
	client *http.Client
}

func newProber() *prober {
	return &prober{client: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// alive tells whether the process at an address answers at all, be it that it does not know the question.
func (p *prober) alive(ctx context.Context, address string) error {
	_, err := p.ask(ctx, aliveWithin, "http://"+address+"/livez")
	return err
}

// ready tells whether the process at an address takes requests. One that does not know the
// question is none of ours, and is taken at its word that it answers.
func (p *prober) ready(ctx context.Context, address string) error {
	status, err := p.ask(ctx, readyWithin, "http://"+address+"/readyz")
	if err == nil && status >= http.StatusInternalServerError {
		err = fmt.Errorf("/readyz answers %d", status)
	}
	return err
}

func (p *prober) ask(ctx context.Context, within time.Duration, address string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("probe: %w", err)
	}
	resp, err := p.client.Do(r)
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err // people know which address that is
	}
	if err != nil {
		return 0, fmt.Errorf("probe: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // what it says in detail is not asked for
	return resp.StatusCode, nil
}

func (p *prober) close() { p.client.CloseIdleConnections() }
