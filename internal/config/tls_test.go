package config

import (
	"slices"
	"strings"
	"testing"
)

func TestACertificateComesFromFilesOrFromACME(t *testing.T) {
	c, _, err := load(t, t.TempDir(), nil)
	if err != nil || c.TLS.On() {
		t.Errorf("nothing is set: %+v, %v", c.TLS, err)
	}
	c, _, err = load(t, t.TempDir(), map[string]string{"TLS_CERT": "/c.pem", "TLS_KEY": "/k.pem", "HTTP_REDIRECT_ADDR": "127.0.0.1:80", "HTTP_REDIRECT_PORT": "443"})
	if err != nil || !c.TLS.On() || c.TLS.Cert != "/c.pem" || c.TLS.Key != "/k.pem" || c.TLS.RedirectAddr != "127.0.0.1:80" || c.TLS.RedirectPort != 443 {
		t.Errorf("files: %+v, %v", c, err)
	}
	c, _, err = load(t, t.TempDir(), map[string]string{"ACME_DOMAINS": " Blog.Example.com, xn--fiq228c.example ", "ACME_EMAIL": "me@example.com"})
	if err != nil || !c.TLS.On() || !slices.Equal(c.TLS.Domains, []string{"blog.example.com", "xn--fiq228c.example"}) || !strings.Contains(c.TLS.Directory, "letsencrypt.org") {
		t.Errorf("ACME: %+v, %v", c, err)
	}
}

func TestWrongTLSIsToldInASentence(t *testing.T) {
	for _, c := range []struct{ env, says string }{
		{"TLS_CERT=a", "TLS_KEY：设置了 TLS_CERT"},
		{"TLS_KEY=a", "TLS_CERT：设置了 TLS_KEY"},
		{"TLS_CERT=a TLS_KEY=b ACME_DOMAINS=a.example", "ACME_DOMAINS：不能与 TLS_CERT 同时设置"},
		{"TLS_CERT=a TLS_KEY=b TARGET=post", "TARGET：只有面向客户端的进程"},
		{"ACME_DOMAINS=a.example TARGET=post,user", "TARGET：只有面向客户端的进程"},
		{"TLS_CERT=a TLS_KEY=b TARGET=nothing", `TARGET：没有服务 "nothing"`},
		{"ACME_DOMAINS=*.example.com", "通配符"},
		{"ACME_DOMAINS=127.0.0.1", `"127.0.0.1" 无效`},
		{"ACME_DOMAINS=localhost", `"localhost" 无效`},
		{"ACME_DOMAINS=https://a.example", "无效"},
		{"ACME_DOMAINS=a.example:443", "无效"},
		{"ACME_DOMAINS=博客.example", "xn--"},
		{"ACME_DOMAINS=a.example,A.example", "重复"},
		{"ACME_DOMAINS=a.example ACME_EMAIL=me", `ACME_EMAIL："me" 无效`},
		{"ACME_DIRECTORY_URL=http://acme.example", "ACME_DIRECTORY_URL：应为 https://"},
		{"HTTP_REDIRECT_ADDR=:80", "HTTP_REDIRECT_ADDR：只能与"},
		{"HTTP_REDIRECT_ADDR=80", "应为 地址:端口"},
		{"HTTP_REDIRECT_PORT=0", "HTTP_REDIRECT_PORT："},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		_, _, err := load(t, t.TempDir(), env)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", c.env, err, c.says)
		}
	}
}
