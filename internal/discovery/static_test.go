package discovery

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAListOfAddressesHasThemAllByID(t *testing.T) {
	got := StaticList("post-service", []string{"[::1]:4003", "127.0.0.1:4002"})
	want := List{Service: "post-service", Firm: true, Instances: []Instance{
		{ID: "post-service-127.0.0.1-4002", Address: "127.0.0.1:4002", Weight: 1},
		{ID: "post-service-::1-4003", Address: "[::1]:4003", Weight: 1},
	}}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(got, want))
	}
}

func TestStaticListsAreToldAndAfterASetThoseThatChanged(t *testing.T) {
	list := func(service string, addresses ...string) List { return StaticList(service, addresses) }
	s := NewStatic([]List{list("post-service", "127.0.0.1:1"), list("user-service", "127.0.0.1:2"), list("not-asked-for", "127.0.0.1:3")})
	w := watch(t, s, "post-service", "user-service", "upload-service")
	for _, want := range []string{"post-service 1 true", "user-service 1 true", "upload-service 0 true"} {
		l := <-w.told
		if got := fmt.Sprint(l.Service, " ", len(l.Instances), " ", l.Firm); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
	s.Set([]List{list("user-service", "127.0.0.1:2", "127.0.0.1:4")})
	if l := <-w.told; l.Service != "post-service" || len(l.Instances) != 0 || !l.Firm {
		t.Errorf("%+v", l) // taken out of the settings: nobody is to be used
	}
	if l := <-w.told; l.Service != "user-service" || len(l.Instances) != 2 {
		t.Errorf("%+v", l)
	}
	s.Set([]List{list("user-service", "127.0.0.1:4", "127.0.0.1:2")})
	w.end()
	w.nothing(t, "when nothing has changed")
	if state := s.State(); state != (State{Source: "static", Up: true, Known: true}) {
		t.Errorf("%+v", state)
	}
}
