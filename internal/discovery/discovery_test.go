package discovery

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"inkstone/internal/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what happens soon, on a machine that is busy.
const patience = 20 * time.Second

func open(t testing.TB, o ConsulOptions) *Consul {
	t.Helper()
	c, err := OpenConsul(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// watched is a Watch that ends with the test.
type watched struct {
	told chan List
	end  func() // and wait until it has returned
}

func watch(t testing.TB, s Source, services ...string) *watched {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watched{told: make(chan List, 1000)}
	var running sync.WaitGroup
	running.Go(func() { s.Watch(ctx, services, func(l List) { w.told <- l }) })
	w.end = func() { cancel(); running.Wait() }
	t.Cleanup(w.end)
	return w
}

// until returns the first list that is as wanted.
func (w *watched) until(t testing.TB, wanted func(List) bool) List {
	t.Helper()
	var last List
	for late := time.After(patience); ; {
		select {
		case last = <-w.told:
			if wanted(last) {
				return last
			}
		case <-late:
			t.Fatalf("not told in %v; the last list is %+v", patience, last)
		}
	}
}

func (w *watched) nothing(t testing.TB, when string) {
	t.Helper()
	if len(w.told) > 0 {
		t.Errorf("told %s: %+v", when, <-w.told)
	}
}

func has(ids ...string) func(List) bool {
	return func(l List) bool { return slices.Equal(idsOf(l), ids) }
}

func idsOf(l List) []string {
	var ids []string
	for _, i := range l.Instances {
		ids = append(ids, i.ID)
	}
	return ids
}

// eventually waits for what nothing tells.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) log() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// client is somebody else who talks to the agent.
func client(t testing.TB, s *enginetest.Server, token string) *api.Client {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	c, err := api.NewClient(&api.Config{Address: s.URL(), Token: token, HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func add(t testing.TB, c *api.Client, r api.AgentServiceRegistration) {
	t.Helper()
	if err := c.Agent().ServiceRegister(&r); err != nil {
		t.Fatal(err)
	}
}

func servicesOf(t testing.TB, c *api.Client) map[string]*api.AgentService {
	t.Helper()
	all, err := c.Agent().Services()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fake is a server in Consul's place.
func fake(t testing.TB, handle http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

// answer is one instance, or none, and an index.
func answer(w http.ResponseWriter, index uint64, ids ...string) {
	w.Header().Set("X-Consul-Index", fmt.Sprint(index))
	var all []string
	for _, id := range ids {
		all = append(all, fmt.Sprintf(`{"Node":{"Node":"n","Address":"10.0.0.1"},"Service":{"ID":%q,"Port":4001},"Checks":[]}`, id))
	}
	fmt.Fprintf(w, "[%s]", strings.Join(all, ","))
}
