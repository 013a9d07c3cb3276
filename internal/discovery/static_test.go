package discovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStaticServicesAreReadAsWritten(t *testing.T) {
	got, err := ParseStatic(" post-service = 127.0.0.1:4002 , 127.0.0.1:4001*3;\n user-service=[::1]:04003, Web-2.local:4004 ;")
	want := []List{
		{Service: "post-service", Firm: true, Instances: []Instance{
			{ID: "post-service-127.0.0.1-4001", Address: "127.0.0.1:4001", Weight: 3},
			{ID: "post-service-127.0.0.1-4002", Address: "127.0.0.1:4002", Weight: 1},
		}},
		{Service: "user-service", Firm: true, Instances: []Instance{
			{ID: "user-service-::1-4003", Address: "[::1]:4003", Weight: 1},
			{ID: "user-service-web-2.local-4004", Address: "web-2.local:4004", Weight: 1},
		}},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(got, want))
	}
	if got, err := ParseStatic(" "); err != nil || got != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

func TestWhatIsWrongWithStaticServicesIsSaidAndWhere(t *testing.T) {
	for text, want := range map[string]string{
		"post-service=127.0.0.1:1;post-service=127.0.0.1:2": "服务 post-service 出现了两次",
		"post-service=127.0.0.1:1,127.0.0.1:1":              "服务 post-service 的地址 127.0.0.1:1 出现了两次",
		"post-service=LOCALHOST:1,localhost:01":             "服务 post-service 的地址 localhost:1 出现了两次",
		"post-service=":                                     "服务 post-service 没有地址",
		"post-service":                                      "服务 post-service 没有地址",
		"a=127.0.0.1:1;post-service= ;":                     "服务 post-service 没有地址",
		"=127.0.0.1:1":                                      `"=127.0.0.1:1" 无效`,
		"post service=127.0.0.1:1":                          `"post service=127.0.0.1:1" 无效`,
		"post-service=127.0.0.1":                            `服务 post-service 的地址 "127.0.0.1" 无效，应为 主机:端口`,
		"post-service=http://127.0.0.1:1":                   `的地址 "http://127.0.0.1:1" 无效`,
		"post-service=127.0.0.1:1,":                         `的地址 "" 无效，应为 主机:端口`,
		"post-service=:4001":                                "主机应为",
		"post-service=a b:4001":                             "主机应为",
		"post-service=127.0.0.1:0":                          "端口应为",
		"post-service=127.0.0.1:65536":                      "端口应为",
		"post-service=127.0.0.1:http":                       "端口应为",
		"post-service=127.0.0.1:1*0":                        "权重应为",
		"post-service=127.0.0.1:1*":                         "权重应为",
		"post-service=127.0.0.1:1*65536":                    "权重应为",
	} {
		if got, err := ParseStatic(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestStaticListsAreToldAndAfterASetThoseThatChanged(t *testing.T) {
	parse := func(text string) []List {
		lists, err := ParseStatic(text)
		if err != nil {
			t.Fatal(err)
		}
		return lists
	}
	s := NewStatic(parse("post-service=127.0.0.1:1;user-service=127.0.0.1:2;not-asked-for=127.0.0.1:3"))
	w := watch(t, s, "post-service", "user-service", "upload-service")
	for _, want := range []string{"post-service 1 true", "user-service 1 true", "upload-service 0 true"} {
		l := <-w.told
		if got := fmt.Sprint(l.Service, " ", len(l.Instances), " ", l.Firm); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
	s.Set(parse("user-service=127.0.0.1:2,127.0.0.1:4"))
	if l := <-w.told; l.Service != "post-service" || len(l.Instances) != 0 || !l.Firm {
		t.Errorf("%+v", l) // taken out of the settings: nobody is to be used
	}
	if l := <-w.told; l.Service != "user-service" || len(l.Instances) != 2 {
		t.Errorf("%+v", l)
	}
	s.Set(parse("user-service=127.0.0.1:4,127.0.0.1:2"))
	w.end()
	w.nothing(t, "when nothing has changed")
	if state := s.State(); state != (State{Source: "static", Up: true, Known: true}) {
		t.Errorf("%+v", state)
	}
}

func FuzzParseStatic(f *testing.F) {
	for _, text := range []string{"", "a=b:1", "post-service=127.0.0.1:4001*2,[::1]:4002; user-service=x:1", "a=[:1", "a==b:1", "a=b:1*1*1", ";;=,"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lists, err := ParseStatic(text)
		if err != nil {
			if lists != nil {
				t.Errorf("lists and an error: %v", err)
			}
			return
		}
		var again []string
		for _, l := range lists {
			var addresses, ids []string
			for _, i := range l.Instances {
				addresses, ids = append(addresses, fmt.Sprintf("%s*%d", i.Address, i.Weight)), append(ids, i.ID)
			}
			if len(ids) == 0 || !slices.IsSorted(ids) || len(slices.Compact(ids)) != len(addresses) {
				t.Errorf("%q has instances %v", l.Service, l.Instances)
			}
			again = append(again, l.Service+"="+strings.Join(addresses, ","))
		}
		if same, err := ParseStatic(strings.Join(again, ";")); err != nil || !cmp.Equal(same, lists) {
			t.Errorf("%q is read as %v, and that as %v, %v", text, lists, same, err)
		}
	})
}
