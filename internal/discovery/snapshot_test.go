package discovery

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inkstone/internal/enginetest"
)

func TestAStartWithoutConsulTellsWhatWasKnownBefore(t *testing.T) {
	var forgotten atomic.Bool
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/health/service/user-service" || forgotten.Load() {
			answer(w, 9)
			return
		}
		answer(w, 8, "b", "a")
	})
	path := filepath.Join(t.TempDir(), "new", "instances.json")
	services := []string{"post-service", "user-service"}
	before := watch(t, open(t, ConsulOptions{Addr: s.URL, Snapshot: path}), services...)
	before.until(t, has("a", "b"))
	forgotten.Store(true)
	before.until(t, func(l List) bool { return l.Service == "post-service" && len(l.Instances) == 0 })
	before.end() // what was under way is written by now

	c := open(t, ConsulOptions{Addr: enginetest.FreeAddress(t), Snapshot: path})
	w := watch(t, c, services...)
	want := List{Service: "post-service", Instances: []Instance{{ID: "a", Address: "10.0.0.1:4001", Weight: 1}, {ID: "b", Address: "10.0.0.1:4001", Weight: 1}}}
	if l := w.until(t, has("a", "b")); !cmp.Equal(l, want) { // though Consul said at last that there are none
		t.Error(cmp.Diff(l, want))
	}
	eventually(t, "both have failed", func() bool { return failing(c) == 2 })
	if state := c.State(); state.Up || state.Known || !strings.Contains(state.Error, "post-service: dial tcp") {
		t.Errorf("%+v", state) // not Known, for of user-service nothing is
	}
	w.nothing(t, "without Consul")
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestConsulsFirstAnswerIsToldAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instances.json")
	if err := os.WriteFile(path, []byte(`{"post-service":{"instances":[{"id":"old","address":"10.0.0.1:1","weight":1}],"withdrawn":[{"id":"x","address":"10.0.0.1:2","weight":1}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := fake(t, func(w http.ResponseWriter, r *http.Request) { answer(w, 7) })
	w := watch(t, open(t, ConsulOptions{Addr: s.URL, Snapshot: path}), "post-service")
	if l := <-w.told; !has("old")(l) || len(l.Withdrawn) != 1 {
		t.Errorf("%+v", l)
	}
	w.until(t, has())
}

func TestADamagedSnapshotIsLoggedAndReplaced(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, r *http.Request) { answer(w, 7, "a") })
	for _, text := range []string{
		"", "{", "[]", "\x00\x00\x00", `{"post-service":{"instances":[{"id":"x","address":"10.0.0.1:1","weight":1}]}`,
		`{"post-service":{"instances":[{"id":"","address":"10.0.0.1:1","weight":1}]}}`,
		`{"post-service":{"instances":[{"id":"x","address":"10.0.0.1","weight":1}]}}`,
		`{"post-service":{"instances":[{"id":"x","address":"10.0.0.1:1","weight":0}]}}`,
		`{"post-service":{"withdrawn":["x"]}}`,
	} {
		path := filepath.Join(t.TempDir(), "instances.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var said lines
		w := watch(t, open(t, ConsulOptions{Addr: s.URL, Snapshot: path, Log: said.log()}), "post-service")
		if l := <-w.told; !has("a")(l) || said.count("of no use") != 1 {
			t.Errorf("%q: %+v; %s", text, l, said.text.String())
		}
		w.end()
		if lists, err := readLists(path); err != nil || len(lists["post-service"].Instances) != 1 {
			t.Errorf("%q is replaced with %+v, %v", text, lists, err)
		}
	}
}

func TestASnapshotThatIsNothingIsNoHarm(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, r *http.Request) { answer(w, 7, "a") })
	path := filepath.Join(t.TempDir(), "instances.json")
	if err := os.WriteFile(path, []byte("null"), 0o600); err != nil {
		t.Fatal(err)
	}
	watch(t, open(t, ConsulOptions{Addr: s.URL, Snapshot: path}), "post-service").until(t, has("a"))
}

func TestASnapshotThatCantBeWrittenIsLoggedOnceAndHindersNobody(t *testing.T) {
	var index atomic.Uint64
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if n := index.Add(1); n%2 == 0 {
			answer(w, n, "a")
		} else {
			answer(w, n, "b")
		}
	})
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var said lines
	w := watch(t, open(t, ConsulOptions{Addr: s.URL, Snapshot: filepath.Join(path, "below"), Log: said.log()}), "post-service")
	for range 3 {
		w.until(t, has("a"))
		w.until(t, has("b"))
	}
	w.end()
	if n := said.count("can't be saved"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, said.text.String())
	}
}
