package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAListOfAddressesThatIsWrongIsOneMistake(t *testing.T) {
	_, _, err := load(t, t.TempDir(), map[string]string{"TARGET": "gateway", "STATIC_SERVICES": "post-service=a"})
	if wrong, ok := errors.AsType[Mistakes](err); !ok || len(wrong) != 1 || !strings.Contains(wrong[0], `"a" 无效`) {
		t.Errorf("%q", err)
	}
}

func TestATargetIsAnySetOfServices(t *testing.T) {
	for value, want := range map[string]struct {
		gateway, split bool
		here, away     string
	}{
		"":              {true, false, "auth user post comment upload admin", ""},
		"all":           {true, false, "auth user post comment upload admin", ""},
		"gateway":       {true, true, "", "auth user post comment upload admin"},
		"gateway, post": {true, true, "post", "auth user comment upload admin"},
		"post,comment":  {false, true, "post comment", ""},
	} {
		c, _, err := load(t, t.TempDir(), map[string]string{"TARGET": value, "CONSUL_HTTP_ADDR": "127.0.0.1:8500"})
		if err != nil {
			t.Fatal(value, err)
		}
		got := c.Target
		if got.Gateway != want.gateway || got.Split() != want.split || strings.Join(got.Rows, " ") != want.here || strings.Join(got.Elsewhere(), " ") != want.away {
			t.Errorf("%q: %+v, split %v, elsewhere %v", value, got, got.Split(), got.Elsewhere())
		}
	}
}

func TestAPartOfTheSiteWaitsBeforeItStops(t *testing.T) {
	for value, want := range map[string]time.Duration{"all": 0, "post": 3 * time.Second, "gateway": 3 * time.Second} {
		c, _, err := load(t, t.TempDir(), map[string]string{"TARGET": value, "CONSUL_HTTP_ADDR": "127.0.0.1:8500"})
		if err != nil || c.DrainWait != want {
			t.Errorf("%s: %v, %v", value, c, err)
		}
	}
}

func TestAddressesOfServicesAreALine(t *testing.T) {
	c, _, err := load(t, t.TempDir(), map[string]string{"TARGET": "gateway,auth,user,comment,upload,admin",
		"STATIC_SERVICES": " post-service = 127.0.0.1:4001, [::1]:4002 ,blog.internal:4003 ; "})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Static["post-service"]; !slices.Equal(got, []string{"127.0.0.1:4001", "[::1]:4002", "blog.internal:4003"}) {
		t.Errorf("%q", got)
	}
}

func TestWhatIsAdvertisedIsAHostAndPerhapsAPort(t *testing.T) {
	for value, want := range map[string]Service{
		"":                   {},
		"10.0.0.5":           {Host: "10.0.0.5"},
		"10.0.0.5:4001":      {Host: "10.0.0.5", Port: 4001},
		"web1.internal":      {Host: "web1.internal"},
		"web1.internal:4001": {Host: "web1.internal", Port: 4001},
		"2001:db8::5":        {Host: "2001:db8::5"},
		"[2001:db8::5]":      {Host: "2001:db8::5"},
		"[2001:db8::5]:4001": {Host: "2001:db8::5", Port: 4001},
	} {
		c, _, err := load(t, t.TempDir(), map[string]string{"ADVERTISE_ADDR": value})
		if err != nil {
			t.Fatal(value, err)
		}
		if want.Weight = 1; c.Service != want {
			t.Errorf("%q: %+v", value, c.Service)
		}
	}
	for _, value := range []string{":4001", "10.0.0.5:0", "10.0.0.5:70000", "0.0.0.0", "[::]:4001", "http://web1", "a b"} {
		if _, _, err := load(t, t.TempDir(), map[string]string{"ADVERTISE_ADDR": value}); err == nil {
			t.Errorf("%q is taken", value)
		}
	}
}

func TestAWrongClusterIsToldInASentence(t *testing.T) {
	const all = "auth-service=a:1;user-service=a:1;post-service=a:1;comment-service=a:1;upload-service=a:1"
	for _, c := range []struct{ target, static, says string }{
		{"blog", "", `没有服务 "blog"`},
		{"post,post", "", `"post" 重复`},
		{"gateway,gateway", "", `"gateway" 重复`},
		{"all,post", "", "all 已包含一切"},
		{",", "", "没有写服务"},
		{"gateway", "", "网关不知道 auth-service"},
		{"gateway", all, "网关不知道 admin-service 的地址"},
		{"gateway,admin", all + ";admin-service=a:1", "admin-service 由本进程自己运行"},
		{"post", "posts=a:1", `没有服务 "posts"`},
		{"post", "post-service", "每项应为"},
		{"post", "post-service=", "没有地址"},
		{"post", "post-service=a", `"a" 无效`},
		{"post", "post-service=a:0", "无效"},
		{"post", "post-service=http://a:1", "无效"},
		{"post", "post-service=a:1,a:1", "a:1 重复"},
		{"post", "post-service=a:1;post-service=a:2", "post-service 重复"},
	} {
		_, _, err := load(t, t.TempDir(), map[string]string{"TARGET": c.target, "STATIC_SERVICES": c.static})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q %q: %v, want %s", c.target, c.static, err, c.says)
		}
	}
}
