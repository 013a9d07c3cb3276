package telemetry

import (
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
		"?access_token%3D" + s + "%3D%3D", "/x:token=" + s, "?u=https%253A%252F%252Fx%252F%253Faccess_token%253D" + s, "/basic+" + s, "?token=+" + s, "?user[pass]=" + s, "?pin[]=" + s, "?db_pass=" + s, "?dbPass=" + s, "?auth_code=" + s, "?X-Api-Key=" + s,
		"?password=ab\"" + s, "?next=https://u:" + s + "@host/", "?next=https%3A%2F%2Fu%3A" + s + "%40host%2F", "?next=https://" + s + "@host/x", "?q=u%253A" + s + "%2540h", "?A=1&TOKEN%3a" + s,
	} {
		if got := withoutSecrets("/api/posts" + target); strings.Contains(got, s) || !strings.Contains(got, "***") || !strings.HasPrefix(got, "/api/posts") {
			t.Errorf("%s is logged as %s", target, got)
		}
	}
	for _, agent := range []string{"x Bearer " + s, "x " + jwt, "curl token=" + s, "curl password: " + s, "Authorization: Basic " + s, "authorization:bearer  " + s, "Bearer\t" + s, "password:\t" + s, `{\"password\":\"` + s, "git https://u:" + s + "@h/ x", `{"token":"` + s} {
		if got := withoutSecrets(agent); strings.Contains(got, s) {
			t.Errorf("%s is logged as %s", agent, got)
		}
	}
}

func TestWhatIsNoSecretIsLoggedAsItIs(t *testing.T) {
	for _, s := range []string{
		"/api/posts?page=2&limit=10&sort=-createdAt&category=%E6%8A%80%E6%9C%AF&author=656565656565656565656565", "/api/posts?search=a:b", "/api/auth/login",
		"/uploads/image/a.png", "/api/posts?cursor=abc_-", "/nothing:here", "/api/posts?from=2026-05-01T00:00:00Z",
		"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", "curl/7.88.1", "kube-probe/1.29", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "%", "a=%", "a=%25", "eyJ", "basic", ":", "/@somebody", "//", "a@b", "?q=x@y", "?compass=n", "?keyword=x", "?spin=1",
	} {
		if got := withoutSecrets(s); got != s {
			t.Errorf("%s is logged as %s", s, got)
		}
	}
}

func FuzzASecretIsMaskedWhateverIsAroundIt(f *testing.F) {
	f.Add("/api/posts?page=2", "&a=b", uint8(0), uint8(0))
	f.Add("eyJhbGciOiJI", "%3D", uint8(3), uint8(2))
	f.Add("token=\"", "", uint8(7), uint8(1))
	const s = "s3cr\"3t-v4lue"
	separators := []string{"=", ":", "%3D", "%3a", "%253d", ": "}
	names := append(append([]string{"密码", "p%61ss", "my_Secret_x"}, secretWords...), secretNames...)
	f.Fuzz(func(t *testing.T, before, after string, name, separator uint8) {
		if strings.Contains(before+after, s) {
			t.Skip()
		}
		text := before + "&" + names[int(name)%len(names)] + separators[int(separator)%len(separators)] + s + after
		if got := withoutSecrets(text); strings.Contains(got, s) {
			t.Errorf("%q is logged as %q", text, got)
		}
	})
}

func BenchmarkWithoutSecrets(b *testing.B) {
	for name, text := range map[string]string{
		"path": "/api/posts", "query": "/api/posts?page=2&limit=10&sort=-createdAt&category=%E6%8A%80%E6%9C%AF",
		"agent": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", "secret": "/api/posts?page=2&token=x",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				withoutSecrets(text)
			}
		})
	}
}
