package auth

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"inkstone/internal/blog"
)

var (
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	secret = []byte("a secret of thirty-two bytes, no less")
)

func testTokens() *Tokens {
	return NewTokens(secret, time.Hour, func() time.Time { return noon })
}

func sign(t *testing.T, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	raw, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func legacyClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"userId": blog.NewID(noon).String(), "username": "ada", "role": "user",
		"iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
}

func with(name string, value any) jwt.MapClaims {
	c := legacyClaims()
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func TestOnlySoundTokensAreAccepted(t *testing.T) {
	hs256 := jwt.SigningMethodHS256
	good := sign(t, hs256, secret, legacyClaims())
	head, rest, _ := strings.Cut(good, ".")
	body, mac, _ := strings.Cut(rest, ".")
	rs256 := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`))
	for name, c := range map[string]struct {
		raw  string
		want blog.Code
	}{
		"one of the original application": {good, ""},
		"iat a little ahead":              {sign(t, hs256, secret, with("iat", noon.Add(20*time.Second).Unix())), ""},
		"iat far ahead":                   {sign(t, hs256, secret, with("iat", noon.Add(time.Minute).Unix())), blog.CodeTokenInvalid},
		"no iat":                          {sign(t, hs256, secret, with("iat", nil)), blog.CodeTokenInvalid},
		"expired":                         {sign(t, hs256, secret, with("exp", noon.Add(-time.Second).Unix())), blog.CodeTokenExpired},
		"expired, other secret":           {sign(t, hs256, []byte("other"), with("exp", noon.Add(-time.Second).Unix())), blog.CodeTokenInvalid},
		"no exp":                          {sign(t, hs256, secret, with("exp", nil)), blog.CodeTokenInvalid},
		"nbf ahead":                       {sign(t, hs256, secret, with("nbf", noon.Add(time.Minute).Unix())), blog.CodeTokenInvalid},
		"user is no id":                   {sign(t, hs256, secret, with("userId", "1")), blog.CodeTokenInvalid},
		"alg none":                        {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, legacyClaims()), blog.CodeTokenInvalid},
		"HS512":                           {sign(t, jwt.SigningMethodHS512, secret, legacyClaims()), blog.CodeTokenInvalid},
		"RS256 in the header":             {rs256 + "." + rest, blog.CodeTokenInvalid},
		"body tampered with":              {head + "." + body[:len(body)-2] + "." + mac, blog.CodeTokenInvalid},
		"spare bits of the signature set": {good[:len(good)-1] + neighbour(good[len(good)-1]), blog.CodeTokenInvalid},
		"line break inside":               {good[:9] + "\n" + good[9:], blog.CodeTokenInvalid},
		"too long":                        {sign(t, hs256, secret, with("username", strings.Repeat("x", maxToken))), blog.CodeTokenInvalid},
		"nothing":                         {"", blog.CodeTokenInvalid},
	} {
		if _, err := testTokens().Parse(c.raw); blog.CodeOf(err) != c.want {
			t.Errorf("%s: got %q, want %q", name, blog.CodeOf(err), c.want)
		}
	}
}

// neighbour returns the base64url character whose last bit is another: the two
// lowest bits of a signature's last character say nothing.
func neighbour(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, c) ^ 1
	return alphabet[i : i+1]
}

func TestTwoTokensOfOneSecondDiffer(t *testing.T) {
	u := &blog.User{ID: blog.NewID(noon), TokenVersion: 3}
	a, errA := testTokens().Issue(u)
	b, errB := testTokens().Issue(u)
	if errA != nil || errB != nil || a == b {
		t.Fatal("equal tokens, or", errA, errB)
	}
	parsed, err := testTokens().Parse(a)
	if err != nil || parsed.User != u.ID || *parsed.Version != 3 || len(parsed.Key) != 32 {
		t.Fatalf("parsed %+v, %v", parsed, err)
	}
}

func TestVersionDecidesElseTheSecond(t *testing.T) {
	version := int64(2)
	for name, c := range map[string]struct {
		token Token
		want  bool
	}{
		"fresh token of the very second": {Token{Version: &version, Issued: noon}, true},
		"older version":                  {Token{Version: new(int64), Issued: noon.Add(time.Hour)}, false},
		"original's, same second":        {Token{Issued: noon}, false},
		"original's, next second":        {Token{Issued: noon.Add(time.Second)}, true},
	} {
		if got := c.token.Current(2, noon.Add(500*time.Millisecond)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParseAcceptsNothingUnsigned(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := testTokens().Parse(raw); err == nil {
			t.Fatalf("accepted %q", raw)
		}
	})
}
