package blog

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// broken returns the fields of a CodeInvalid error as "name:rule".
func broken(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeInvalid {
		t.Fatalf("error %v", err)
	}
	var out []string
	for _, f := range e.Fields {
		out = append(out, f.Name+":"+string(f.Rule))
	}
	return out
}

func wantBroken(t *testing.T, err error, want ...string) {
	t.Helper()
	if got := broken(t, err); !slices.Equal(got, want) {
		t.Errorf("broken %v, want %v", got, want)
	}
}

// The next three are the user model's tests of the original; what it tests of
// saving, passwords and tokens belongs to the store and to auth here.

func TestAUserWithGoodDataIsValid(t *testing.T) {
	n := NewUser{"testuser", "test@example.com", "password123"}
	n.Normalize()
	wantBroken(t, n.Validate())
	if n.Username != "testuser" || n.Email != "test@example.com" {
		t.Errorf("normalised to %+v", n)
	}
}

func TestRequiredFieldsAreAllTold(t *testing.T) {
	n := NewUser{}
	n.Normalize()
	wantBroken(t, n.Validate(), "username:username.required", "email:email.required", "password:password.required")
}

func TestABadAddressIsRefused(t *testing.T) {
	n := NewUser{"testuser", "invalid-email", "password123"}
	wantBroken(t, n.Validate(), "email:email.format")
}

func TestRegistrationIsTrimmedAndBounded(t *testing.T) {
	n := NewUser{" 李白白\t", " Test@Example.COM ", " 12345 "}
	n.Normalize()
	wantBroken(t, n.Validate())
	if n.Username != "李白白" || n.Email != "test@example.com" || n.Password != " 12345 " {
		t.Errorf("normalised to %+v", n)
	}
	for _, c := range []struct{ name, password, want string }{
		{"ab", "123456", "username:username.short"},
		{strings.Repeat("名", 20), "123456", ""},
		{strings.Repeat("名", 21), "123456", "username:username.long"},
		{"a\x00bc", "123456", "username:any.text"},
		{"a\xffbc", "123456", "username:any.text"},
		{"abc", "12345", "password:password.short"},
		{"abc", "密码密码密码", ""},
		{"abc", strings.Repeat("密", 24), ""},
		{"abc", strings.Repeat("密", 24) + "x", "password:password.long"},
		{"abc", "123\x00456", "password:any.text"},
	} {
		err := (&NewUser{c.name, "a@example.com", c.password}).Validate()
		if got := strings.Join(broken(t, err), " "); got != c.want {
			t.Errorf("%q, %q: broken %q, want %q", c.name, c.password, got, c.want)
		}
	}
}

func TestAnAddressIsNameAndDottedDomainAndNothingElse(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, s := range []string{
		"a@b.co", "first.last+tag@sub.example.com", "o'brien@example.ie", "x_y-z@a-b.example", "1@2.33", "用户@例子.中国", long + "@example.com",
		`"john doe"@example.com`, `"a@b"@c.de`, `"a\"b"@c.de`, `"a..b"@c.de`, // RFC 5322, section 3.2.4
	} {
		if !validEmail(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{
		"", "a", "@b.co", "a@", "a@b", "a@@b.co", "a b@c.de", "a@b..co", "a@.b.co", "a@b.co.", ".a@b.co", "a.@b.co", "a..b@c.de",
		"A <a@b.co>", "<a@b.co>", "a@b.co (comment)", "a@[127.0.0.1]", "a@-b.co", "a@b-.co", "a@b_c.de", "a@b.co, c@d.ef", "a@b.co\r\nBcc: x@y.z",
		`"a"@b.co`, `"a\x"@b.co`, `"a"b@c.de`, `"a b@c.de`, "\"a\r\nb\"@c.de", "\"a\x00b\"@c.de",
		"a@" + long + ".com", long + "@" + strings.Repeat("x.", 100) + "com",
	} {
		if validEmail(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestFoldGoesByCharacters(t *testing.T) {
	for s, want := range map[string]string{"ALICE": "alice", "ÉLODIE": "élodie", "ΣΊΣΥΦΟΣ": "σίσυφοσ", "σίσυφος": "σίσυφοσ", "straße": "straße", "王A": "王a", "K": "k"} {
		if got := Fold(s); got != want || Fold(got) != got {
			t.Errorf("Fold(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestAddressesOfPagesAndImages(t *testing.T) {
	for s, want := range map[string][2]bool{ // a page, an image
		"https://example.com":          {true, true},
		"HTTP://example.com/a?b=c#d":   {true, true},
		"http://[::1]:8080/x":          {true, true},
		"":                             {false, true},
		"/uploads/image/a.png":         {false, true},
		"/uploads/":                    {false, false},
		"/uploads/../secret":           {false, false},
		"/uploads/a\\b":                {false, false},
		"/other/a.png":                 {false, false},
		"//example.com/a.png":          {false, false},
		"javascript:alert(1)":          {false, false},
		"data:image/png;base64,x":      {false, false},
		"ftp://example.com":            {false, false},
		"http://":                      {false, false},
		"http://:80/":                  {false, false},
		"https://example.com/a b":      {false, false},
		"https://example.com/\r\nX: y": {false, false},
		"https://e.com/" + strings.Repeat("x", maxURI): {false, false},
	} {
		if got := [2]bool{validWebURI(s), validImage(s)}; got != want {
			t.Errorf("%.60q: page and image %v, want %v", s, got, want)
		}
	}
}

func TestAUserPatchChangesWhatItNames(t *testing.T) {
	u := User{Username: "old", Email: "old@example.com", Avatar: "/uploads/image/a.png", Profile: Profile{"First", "Last", "Bio", "https://a.example", "Here"}}
	want := u
	if err := (UserPatch{}).Apply(&u); err != nil || u != want {
		t.Errorf("an empty patch: %v, %+v", err, u)
	}
	str := func(s string) *string { return &s }
	if err := (UserPatch{Email: str(" New@Example.com"), Avatar: str(""), Bio: str(" new "), Website: str("")}).Apply(&u); err != nil {
		t.Fatal(err)
	}
	want.Email, want.Avatar, want.Profile.Bio, want.Profile.Website = "new@example.com", "", "new", ""
	if u != want {
		t.Errorf("got %+v, want %+v", u, want)
	}
	long := str(strings.Repeat("字", 501))
	err := UserPatch{Username: str(""), Email: str("x"), Avatar: str("x"), FirstName: long, LastName: long, Bio: long, Website: str("x"), Location: long}.Apply(&u)
	wantBroken(t, err, "username:username.required", "email:email.format", "avatar:avatar.format", "profile.firstName:profile.name.long",
		"profile.lastName:profile.name.long", "profile.bio:profile.bio.long", "profile.website:profile.website.format", "profile.location:profile.location.long")
	wantBroken(t, UserPatch{Bio: str("a\x00")}.Apply(&u), "profile.bio:any.text")
	if u != want {
		t.Errorf("a refused patch left %+v", u)
	}
}

func TestEndingTokensRaisesTheVersion(t *testing.T) {
	u, now := User{TokenVersion: 3}, time.Now()
	u.EndTokens(now)
	if u.TokenVersion != 4 || u.TokensFrom != now {
		t.Errorf("%+v", u)
	}
}

func TestAFullNameIsWhatThereIsOfBothNames(t *testing.T) {
	for want, p := range map[string]Profile{"": {}, "A B": {FirstName: "A", LastName: "B"}, "A": {FirstName: "A"}, "B": {LastName: "B"}} {
		if got := p.FullName(); got != want {
			t.Errorf("%+v is %q", p, got)
		}
	}
}
