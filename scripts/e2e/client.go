package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// client is somebody with an account, who does one thing after the other.
type client struct {
	name   string
	front  *front
	record *record
	ledger *ledger
	lines  []*line // to each gateway

	token string
	own   []*post
	count int // of what it wrote, for texts that nobody else writes
}

func newClient(name string, f *front, r *record, l *ledger) *client {
	c := &client{name: name, front: f, record: r, ledger: l}
	for _, d := range f.doors {
		c.lines = append(c.lines, &line{door: d})
	}
	return c
}

func (c *client) close() {
	for _, l := range c.lines {
		l.close()
	}
}

// request is what is sent, and what is expected of the answer.
type request struct {
	method, route string
	id            string // for {id} of the route
	query         string
	private       bool // with the token
	body          any  // JSON, unless it is a form
	form          *form
	want          int
}

// form is a body that is no JSON.
type form struct {
	contentType string
	body        []byte
}

// do sends it to a gateway that is ready, once, and notes how that ended. check says what is wrong
// with the body of an answer that looks right; nil: nothing can be. It returns whether all was well.
func (c *client) do(q request, check func(body []byte) error) bool {
	o := outcome{begun: time.Now(), method: q.method, route: q.route}
	n, door := c.front.pick()
	if door == nil {
		o.reason = "no gateway is ready"
		c.record.add(o)
		return false
	}
	o.gateway = door.name
	answer, body, err := c.send(c.lines[n], q)
	o.took = time.Since(o.begun)
	if err != nil {
		o.reason = err.Error()
	} else {
		o.status, o.request = answer.StatusCode, answer.Header.Get("X-Request-Id")
		o.code, o.reason = judge(q, answer.StatusCode, body, check)
	}
	c.record.add(o)
	return o.reason == ""
}

func judge(q request, status int, body []byte, check func([]byte) error) (code, reason string) {
	if status != q.want {
		var told struct{ Code string }
		_ = json.Unmarshal(body, &told)
		return told.Code, fmt.Sprintf("not %d", q.want)
	}
	if check == nil {
		return "", ""
	}
	if err := check(body); err != nil {
		return "", err.Error()
	}
	return "", ""
}

func (c *client) send(l *line, q request) (*http.Response, []byte, error) {
	contentType, body := "application/json", []byte(nil)
	if q.form != nil {
		contentType, body = q.form.contentType, q.form.body
	} else if q.body != nil {
		body, _ = json.Marshal(q.body)
	}
	url := l.door.url() + strings.Replace(q.route, "{id}", q.id, 1) + q.query
	r, err := http.NewRequest(q.method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	if q.private {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return l.send(r)
}

// text is one that nobody else writes.
func (c *client) text(kind string) string {
	c.count++
	return fmt.Sprintf("%s %s %d", kind, c.name, c.count)
}

// signUp makes the account, as soon as that works.
func (c *client) signUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var got struct{ Token string }
	in := map[string]string{"username": c.name, "email": c.email(), "password": password}
	err := until(ctx, 200*time.Millisecond, func() error {
		return ask(ctx, "POST", c.front.doors[0].url()+"/api/auth/register", "", in, &got)
	})
	if err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	c.token = got.Token
	if c.create(); len(c.own) == 0 {
		return errors.New("the first post could not be written")
	}
	return nil
}

const password = "of-a-client"

func (c *client) email() string { return c.name + "@example.com" }

// newest is the last of the client's own posts.
func (c *client) newest() *post { return c.own[len(c.own)-1] }

// keep adds to the client's own posts, of which the latest are enough.
func (c *client) keep(p *post) {
	if c.own = append(c.own, p); len(c.own) > 20 {
		c.own = slices.Delete(c.own, 0, 10)
	}
}
