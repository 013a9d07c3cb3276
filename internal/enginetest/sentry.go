package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Report is an error report as it came.
type Report struct {
	Raw         string            // the whole envelope
	ID          string            `json:"event_id"`
	Level       string            `json:"level"`
	Release     string            `json:"release"`
	Environment string            `json:"environment"`
	Server      string            `json:"server_name"`
	Transaction string            `json:"transaction"`
	Tags        map[string]string `json:"tags"`
	Request     map[string]any    `json:"request"`
	User        map[string]any    `json:"user"`
	Modules     map[string]string `json:"modules"`
	Breadcrumbs []any             `json:"breadcrumbs"`
	Contexts    map[string]any    `json:"contexts"`
	Exception   []struct {
		Type, Value string
		Stacktrace  struct {
			Frames []struct {
				Function, Module, Filename string
				AbsPath                    string `json:"abs_path"`
				Lineno                     int
				InApp                      bool `json:"in_app"`
			}
		}
	} `json:"exception"`
}

// Inbox takes error reports as Sentry does.
type Inbox struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	reports []Report
}

// StartInbox starts one that ends with the test.
func StartInbox(t testing.TB) *Inbox {
	i := &Inbox{t: t}
	i.Server = httptest.NewServer(http.HandlerFunc(i.take))
	t.Cleanup(i.Close)
	return i
}

// DSN returns what SENTRY_DSN is to be, with a key.
func (i *Inbox) DSN(key string) string {
	return strings.Replace(i.URL, "://", "://"+key+"@", 1) + "/42"
}

func (i *Inbox) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err == nil {
		err = i.read(r, body)
	}
	if err != nil {
		i.t.Errorf("the inbox was sent what it can't read: %v\n%s", err, body)
		http.Error(w, "unreadable", http.StatusBadRequest)
	}
}

// read reads an envelope: a line about it, then for each item a line about it and the item.
//
// Source: https://develop.sentry.dev/sdk/foundations/transport/envelopes/
func (i *Inbox) read(r *http.Request, body []byte) error {
	if r.Method != http.MethodPost || r.URL.Path != "/api/42/envelope/" || !strings.Contains(r.Header.Get("X-Sentry-Auth"), "sentry_key=") {
		return fmt.Errorf("%s %s", r.Method, r.URL)
	}
	_, rest, _ := bytes.Cut(body, []byte("\n"))
	for len(rest) > 0 {
		var head struct {
			Type   string
			Length int
		}
		line, item, _ := bytes.Cut(rest, []byte("\n"))
		if err := json.Unmarshal(line, &head); err != nil {
			return err
		}
		if head.Type != "event" || head.Length <= 0 || head.Length > len(item) {
			return fmt.Errorf("an item is %q with %d bytes", head.Type, head.Length)
		}
		report := Report{Raw: string(body)}
		if err := json.Unmarshal(item[:head.Length], &report); err != nil {
			return err
		}
		rest = bytes.TrimPrefix(item[head.Length:], []byte("\n"))
		i.mu.Lock()
		i.reports = append(i.reports, report)
		i.mu.Unlock()
	}
	return nil
}

// Reports returns what has come so far.
func (i *Inbox) Reports() []Report {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.reports)
}

// Wait returns what has come once there are so many.
func (i *Inbox) Wait(t testing.TB, n int) []Report {
	t.Helper()
	for end := time.Now().Add(receiveWait); ; time.Sleep(5 * time.Millisecond) {
		if all := i.Reports(); len(all) >= n {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("%d reports after %v, want %d", len(i.Reports()), receiveWait, n)
		}
	}
}
