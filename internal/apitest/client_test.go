package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client sends requests as one user, or as nobody, and holds every answer
// against the contract.
type client struct {
	t      testing.TB
	url    string
	header http.Header

	ID, Name, Email, Password, Token string
}

var transport = &http.Client{
	Timeout:       30 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// As returns the same user with another test to report to.
func (c *client) As(t testing.TB) *client {
	n := *c
	n.t = t
	return &n
}

// With returns the same user sending one more header.
func (c *client) With(name, value string) *client {
	n := *c
	n.header = c.header.Clone()
	n.header.Set(name, value)
	return &n
}

// WithToken returns the same client with another token.
func (c *client) WithToken(token string) *client {
	n := c.With("Authorization", "Bearer "+token)
	n.Token = token
	return n
}

// Get sends a GET.
func (c *client) Get(path string) *answer { c.t.Helper(); return c.Send("GET", path, nil) }

// Head sends a HEAD.
func (c *client) Head(path string) *answer { c.t.Helper(); return c.Send("HEAD", path, nil) }

// Delete sends a DELETE.
func (c *client) Delete(path string) *answer { c.t.Helper(); return c.Send("DELETE", path, nil) }

// Post sends a body as JSON; see Send.
func (c *client) Post(path string, body any) *answer { c.t.Helper(); return c.Send("POST", path, body) }

// Put sends a body as JSON; see Send.
func (c *client) Put(path string, body any) *answer { c.t.Helper(); return c.Send("PUT", path, body) }

// Patch sends a body as JSON; see Send.
func (c *client) Patch(path string, body any) *answer {
	c.t.Helper()
	return c.Send("PATCH", path, body)
}

// Send sends body, which is nil, the bytes themselves (string, []byte), or a
// value to encode, and checks the answer against the contract.
func (c *client) Send(method, path string, body any) *answer {
	c.t.Helper()
	a, err := c.Try(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, short(path), err)
	}
	if err := theContract().check(method, path, a); err != nil {
		c.t.Errorf("%s %s answers %d against the contract: %v\n%s", method, short(path), a.Status, err, short(string(a.Body)))
	}
	return a
}

// Try sends like Send, without judging. Its error is a connection that failed.
func (c *client) Try(method, path string, body any) (*answer, error) {
	r, err := http.NewRequest(method, c.url+path, encode(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	resp, err := transport.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, errors.Join(err, errors.New("while reading the body"))
	}
	return &answer{t: c.t, what: method + " " + short(path), Status: resp.StatusCode, Header: resp.Header, Body: b}, nil
}

func encode(body any) io.Reader {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(b)
	case []byte:
		return bytes.NewReader(b)
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(b)
}

func short(s string) string {
	if len(s) > 600 {
		return s[:600] + "…"
	}
	return s
}

// answer is a response, read whole.
type answer struct {
	t      testing.TB
	what   string
	Status int
	Header http.Header
	Body   []byte
}

// Expect ends the test unless the status is as said.
func (a *answer) Expect(status int) *answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.what, a.Status, status, short(string(a.Body)))
	}
	return a
}

// Refused ends the test unless the answer is that error.
func (a *answer) Refused(status int, code string) *answer {
	a.t.Helper()
	a.Expect(status)
	if got := a.Str("code"); got != code {
		a.t.Fatalf("%s: code %s, want %s: %s", a.what, got, code, short(string(a.Body)))
	}
	return a
}

// Says notes a failure unless the value at path is want.
func (a *answer) Says(path, want string) *answer {
	a.t.Helper()
	if got := a.Str(path); got != want {
		a.t.Errorf("%s: %s is %q, want %q", a.what, path, got, want)
	}
	return a
}

// Counts notes a failure unless the number at path is want.
func (a *answer) Counts(path string, want int) *answer {
	a.t.Helper()
	if got := a.Int(path); got != want {
		a.t.Errorf("%s: %s is %d, want %d: %s", a.what, path, got, want, short(string(a.Body)))
	}
	return a
}

// At returns what stands at a path like "posts.0.title", or nil.
func (a *answer) At(path string) any {
	var v any
	if json.Unmarshal(a.Body, &v) != nil {
		return nil
	}
	for key := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// Str returns the string at path, "" if there is none.
func (a *answer) Str(path string) string { s, _ := a.At(path).(string); return s }

// Int returns the number at path, -1 if there is none.
func (a *answer) Int(path string) int {
	if f, ok := a.At(path).(float64); ok {
		return int(f)
	}
	return -1
}

// Each returns the strings at field of every element of the list at path.
func (a *answer) Each(path, field string) []string {
	list, _ := a.At(path).([]any)
	out := make([]string, 0, len(list))
	for _, v := range list {
		m, _ := v.(map[string]any)
		s, _ := m[field].(string)
		out = append(out, s)
	}
	return out
}
