package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"inkstone/internal/blog"
)

const itsRoute = "GET /api/pool"

func testOperator(t testing.TB, secret string, now time.Time) *Operator {
	t.Helper()
	o, err := NewOperator([]byte(secret), itsRoute, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func proofClaims(name string, value any) jwt.MapClaims {
	c := jwt.MapClaims{"aud": itsRoute, "iat": noon.Unix(), "exp": noon.Add(10 * time.Second).Unix()}
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func TestOnlyASoundProofIsAccepted(t *testing.T) {
	o, hs256 := testOperator(t, string(secret), noon), jwt.SigningMethodHS256
	good, err := o.Prove()
	if err != nil {
		t.Fatal(err)
	}
	token, err := testTokens().Issue(&blog.User{ID: OperatorID, Role: blog.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) string { return sign(t, hs256, o.key, proofClaims(name, value)) }
	for name, c := range map[string]struct {
		proof string
		want  blog.Code
	}{
		"its own":                         {good, ""},
		"the same, made by hand":          {with("aud", itsRoute), ""},
		"a life begun too early":          {with("iat", noon.Add(-time.Second).Unix()), blog.CodeTokenInvalid},
		"a shorter life":                  {with("exp", noon.Add(time.Second).Unix()), ""},
		"a life of eleven seconds":        {with("exp", noon.Add(11*time.Second).Unix()), blog.CodeTokenInvalid},
		"a life without end":              {with("exp", 1e300), blog.CodeTokenInvalid},
		"over":                            {with("exp", noon.Add(-time.Second).Unix()), blog.CodeTokenInvalid},
		"no exp":                          {with("exp", nil), blog.CodeTokenInvalid},
		"no iat":                          {with("iat", nil), blog.CodeTokenInvalid},
		"iat ahead":                       {with("iat", noon.Add(time.Second).Unix()), blog.CodeTokenInvalid},
		"nbf ahead":                       {with("nbf", noon.Add(time.Second).Unix()), blog.CodeTokenInvalid},
		"another path":                    {with("aud", "GET /api/users"), blog.CodeTokenInvalid},
		"another method":                  {with("aud", "HEAD /api/pool"), blog.CodeTokenInvalid},
		"another spelling":                {with("aud", itsRoute+"/"), blog.CodeTokenInvalid},
		"two audiences":                   {with("aud", []string{itsRoute, "GET /api/users"}), blog.CodeTokenInvalid},
		"no audience":                     {with("aud", nil), blog.CodeTokenInvalid},
		"signed with the secret":          {sign(t, hs256, secret, proofClaims("aud", itsRoute)), blog.CodeTokenInvalid},
		"a token of a user":               {token, blog.CodeTokenInvalid},
		"alg none":                        {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, proofClaims("aud", itsRoute)), blog.CodeTokenInvalid},
		"HS512":                           {sign(t, jwt.SigningMethodHS512, o.key, proofClaims("aud", itsRoute)), blog.CodeTokenInvalid},
		"spare bits of the signature set": {good[:len(good)-1] + neighbour(good[len(good)-1]), blog.CodeTokenInvalid},
		"line break inside":               {good[:9] + "\n" + good[9:], blog.CodeTokenInvalid},
		"too long":                        {with("x", strings.Repeat("x", maxToken)), blog.CodeTokenInvalid},
		"nothing":                         {"", blog.CodeTokenInvalid},
	} {
		who, err := o.verify(c.proof, itsRoute)
		if blog.CodeOf(err) != c.want || who.Admin() != (c.want == "") || who.Is(OperatorID) != (c.want == "") {
			t.Errorf("%s: got %+v, %q, want %q", name, who, blog.CodeOf(err), c.want)
		}
	}
}

func TestNoUserHasTheIDOfAnOperator(t *testing.T) {
	if OperatorID.String() != "000000006f70657261746f72" || OperatorID.Time().Year() != 1970 || OperatorID.IsZero() {
		t.Errorf("%s of %v", OperatorID, OperatorID.Time())
	}
}

func TestAProofIsOverAfterTenSeconds(t *testing.T) {
	proof, err := testOperator(t, string(secret), noon.Add(700*time.Millisecond)).Prove()
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]blog.Code{700 * time.Millisecond: "", 9 * time.Second: "", 10 * time.Second: blog.CodeTokenInvalid, time.Hour: blog.CodeTokenInvalid} {
		if _, err := testOperator(t, string(secret), noon.Add(after)).verify(proof, itsRoute); blog.CodeOf(err) != want {
			t.Errorf("after %v: %q", after, blog.CodeOf(err))
		}
	}
}

func TestAProofIsGoodForItsRouteAndItsSecretAlone(t *testing.T) {
	o := testOperator(t, string(secret), noon)
	proof, err := o.Prove()
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range []string{"", "GET /api/users", "HEAD /api/pool", "get /api/pool", "GET /api/pool/", "GET  /api/pool", "/api/pool"} {
		if _, err := o.verify(proof, route); blog.CodeOf(err) != blog.CodeTokenInvalid {
			t.Errorf("%q: %v", route, err)
		}
	}
	if _, err := testOperator(t, string(secret)+"!", noon).verify(proof, itsRoute); blog.CodeOf(err) != blog.CodeTokenInvalid {
		t.Errorf("with another secret: %v", err)
	}
	// Not even one for another route that the same secret has made, shown there.
	other, err := NewOperator(secret, "DELETE /api/users", o.now)
	if err != nil {
		t.Fatal(err)
	}
	if proof, err = other.Prove(); err != nil {
		t.Fatal(err)
	}
	for _, route := range []string{itsRoute, "DELETE /api/users"} {
		if _, err := o.verify(proof, route); blog.CodeOf(err) != blog.CodeTokenInvalid {
			t.Errorf("another's proof for %q: %v", route, err)
		}
	}
}

func TestAProofIsNoToken(t *testing.T) {
	o := testOperator(t, string(secret), noon)
	proof, err := o.Prove()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{"a proof": proof, "a token signed with its key": sign(t, jwt.SigningMethodHS256, o.key, legacyClaims())} {
		if _, err := testTokens().Parse(raw); blog.CodeOf(err) != blog.CodeTokenInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNoProofIsAcceptedUnsigned(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	o := testOperator(f, string(secret), noon)
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := o.verify(raw, itsRoute); err == nil {
			t.Fatalf("accepted %q", raw)
		}
	})
}
