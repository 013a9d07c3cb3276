package blog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var categories = []string{"技术", "生活"}

func ptr[T any](v T) *T { return &v }

func somePost() Post {
	return Post{Title: "题", Content: "文", Excerpt: "摘", Category: "技术", Tags: []string{"a"}, CoverImage: "/uploads/image/a.png", Status: Published, PublishedAt: time.Unix(1, 0), Revision: 3}
}

func TestWhatIsOmittedKeepsItsValue(t *testing.T) {
	p, want := somePost(), somePost()
	if err := (PostInput{Title: ptr(" 新题 ")}).Apply(&p, categories, time.Now()); err != nil {
		t.Fatal(err)
	}
	want.Title = "新题"
	if p.Title != want.Title || p.Status != Published || p.Excerpt != want.Excerpt || !slices.Equal(p.Tags, want.Tags) ||
		p.CoverImage != want.CoverImage || p.PublishedAt != want.PublishedAt || p.Revision != want.Revision {
		t.Errorf("got %+v, want %+v", p, want)
	}
}

func TestEmptyValuesClear(t *testing.T) {
	p := somePost()
	if err := (PostInput{Excerpt: ptr(""), CoverImage: ptr(""), Tags: ptr([]string{})}).Apply(&p, categories, time.Now()); err != nil {
		t.Fatal(err)
	}
	if p.Excerpt != "" || p.CoverImage != "" || len(p.Tags) != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestPublishedAtIsSetOnce(t *testing.T) {
	p, first := Post{Title: "题", Content: "文", Category: "技术"}, time.Unix(100, 0)
	for i, step := range []struct {
		status *Status
		want   Status
		at     time.Time
	}{
		{nil, Draft, time.Time{}},
		{ptr(Archived), Archived, time.Time{}},
		{ptr(Published), Published, first},
		{ptr(Draft), Draft, first},
		{ptr(Published), Published, first},
		{nil, Published, first},
	} {
		now := first.Add(time.Duration(i-2) * time.Hour)
		if err := (PostInput{Status: step.status}).Apply(&p, categories, now); err != nil {
			t.Fatal(err)
		}
		if p.Status != step.want || !p.PublishedAt.Equal(step.at) {
			t.Errorf("step %d: %s at %v, want %s at %v", i, p.Status, p.PublishedAt, step.want, step.at)
		}
	}
}

func TestEveryBrokenRuleOfAPostIsNamed(t *testing.T) {
	tags := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = strings.Repeat("t", i+1)
		}
		return out
	}
	for _, c := range []struct {
		in   PostInput
		want string
	}{
		{PostInput{Title: ptr(" ")}, "title:title.required"},
		{PostInput{Title: ptr(strings.Repeat("字", 100))}, ""},
		{PostInput{Title: ptr(strings.Repeat("字", 101))}, "title:title.long"},
		{PostInput{Title: ptr("a\x00")}, "title:any.text"},
		{PostInput{Content: ptr(" \n")}, "content:content.required"},
		{PostInput{Content: ptr("a\xff")}, "content:any.text"},
		{PostInput{Excerpt: ptr(strings.Repeat("字", 200))}, ""},
		{PostInput{Excerpt: ptr(strings.Repeat("字", 201))}, "excerpt:excerpt.long"},
		{PostInput{Category: ptr("")}, "category:category.required"},
		{PostInput{Category: ptr("别的")}, "category:category.value"},
		{PostInput{Category: ptr(" 生活 ")}, ""},
		{PostInput{Tags: ptr(tags(20))}, ""},
		{PostInput{Tags: ptr(tags(21))}, "tags:tags.many"},
		{PostInput{Tags: ptr([]string{"a", " "})}, "tags:tags.length"},
		{PostInput{Tags: ptr([]string{strings.Repeat("字", 50)})}, ""},
		{PostInput{Tags: ptr([]string{strings.Repeat("字", 51)})}, "tags:tags.length"},
		{PostInput{Tags: ptr([]string{"a,b"})}, "tags:tags.length"},
		{PostInput{Tags: ptr([]string{"\x00"})}, "tags:any.text"},
		{PostInput{CoverImage: ptr("javascript:x")}, "coverImage:coverImage.format"},
		{PostInput{Status: ptr(Status("deleted"))}, "status:status.value"},
		{PostInput{Status: ptr(Status(""))}, "status:status.value"},
	} {
		p := somePost()
		err := c.in.Apply(&p, categories, time.Now())
		if got := strings.Join(broken(t, err), " "); got != c.want {
			t.Errorf("broken %q, want %q", got, c.want)
		}
		if err != nil && p.Title+p.Content+p.Category+string(p.Status) != "题文技术published" {
			t.Errorf("%s: a refused input left %+v", c.want, p)
		}
	}
}

func TestACoverIsAWebAddressAnUploadOrNothing(t *testing.T) {
	for s, want := range map[string]bool{
		"": true, " ": true, "http://example.com": true, " HTTPS://例子.中国/图.png?a=b#c ": true, "https://example.com:8443/a": true,
		"/uploads/image/image-1-a.png": true, "/uploads/" + strings.Repeat("a", maxURI-9): true, "https://a.b/" + strings.Repeat("a", maxURI-12): true,
		"/uploads/" + strings.Repeat("a", maxURI-8): false, "https://a.b/" + strings.Repeat("a", maxURI-11): false,
		"/uploads/": false, "/uploads": false, "uploads/a.png": false, "/a.png": false, "/uploads/../a": false, `/uploads/\a`: false, "/uploads/a b": false, "/uploads/a\nb": false,
		"ftp://example.com/a": false, "javascript:alert(1)": false, "data:image/png;base64,AA": false, "//example.com/a": false, "https:///a": false, "https://": false, "https:a": false,
		"https://example.com/a b": false, "https://example.com/\x00": false, "https://example.com/\xff": false, "/uploads/\xff": false, "https://[::1": false,
	} {
		p := somePost()
		err := PostInput{CoverImage: &s}.Apply(&p, categories, time.Now())
		if err == nil != want || want && p.CoverImage != strings.TrimSpace(s) {
			t.Errorf("%.60q: %v, cover %.60q", s, err, p.CoverImage)
		}
	}
}

func TestAllBrokenFieldsAreToldInOrder(t *testing.T) {
	in := PostInput{Status: ptr(Status("x"))}
	in.RequireAll()
	wantBroken(t, in.Apply(&Post{}, categories, time.Now()),
		"title:title.required", "content:content.required", "category:category.required", "status:status.value")
}

func TestTagsAreTrimmedAndWithoutRepeats(t *testing.T) {
	given := []string{" go ", "Go", "go", "中 文"}
	p := somePost()
	if err := (PostInput{Tags: &given}).Apply(&p, categories, time.Now()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"go", "Go", "中 文"}; !slices.Equal(p.Tags, want) || given[0] != " go " {
		t.Errorf("tags %q, given %q", p.Tags, given)
	}
}

func TestACategoryThatLeftTheListDoesNotStopAnEdit(t *testing.T) {
	p := somePost()
	p.Category = "旧"
	wantBroken(t, PostInput{Title: ptr("新")}.Apply(&p, categories, time.Now()))
}

func TestACommentIsTrimmedAndHasABoundedText(t *testing.T) {
	for s, want := range map[string]string{
		" 好 ": "", strings.Repeat("字", 1000): "", strings.Repeat("字", 1001): "content:comment.long",
		"": "content:comment.required", " \n\t": "content:comment.required", "a\x00": "content:any.text", "\xff": "content:any.text",
	} {
		var c Comment
		err := CommentInput{Content: s}.Apply(&c)
		if rules := strings.Join(broken(t, err), " "); rules != want || err == nil && c.Content != strings.TrimSpace(s) {
			t.Errorf("%.20q became %.20q, broken %q, want %q", s, c.Content, rules, want)
		}
	}
}

// The matrix of who may do what with another's post, his own, and any.
func TestDraftsAreReadAndPostsChangedByAuthorAndAdminsAlone(t *testing.T) {
	author, other := ID{1}, ID{2}
	for _, c := range []struct {
		name                        string
		actor                       Actor
		readDraft, write, readsOpen Code
	}{
		{"anonymous", Actor{}, CodePostForbidden, CodeNotOwner, ""},
		{"anonymous with a role", Actor{Role: RoleAdmin}, CodePostForbidden, CodeNotOwner, ""},
		{"author", Actor{author, RoleUser}, "", "", ""},
		{"another user", Actor{other, RoleUser}, CodePostForbidden, CodeNotOwner, ""},
		{"admin", Actor{other, RoleAdmin}, "", "", ""},
	} {
		for _, status := range []Status{Draft, Archived, ""} {
			if got := CodeOf(c.actor.MayRead(PostRef{Author: author, Status: status})); got != c.readDraft {
				t.Errorf("%s reads %q: %q, want %q", c.name, status, got, c.readDraft)
			}
		}
		if got := CodeOf(c.actor.MayRead(PostRef{Author: author, Status: Published})); got != c.readsOpen {
			t.Errorf("%s reads a published post: %q", c.name, got)
		}
		if got := CodeOf(c.actor.MayWrite(PostRef{Author: author, Status: Published})); got != c.write {
			t.Errorf("%s writes: %q, want %q", c.name, got, c.write)
		}
	}
	if (Actor{}).Owns(ID{}) {
		t.Error("nobody owns what belongs to nobody")
	}
}

func TestAFilterIsNarrowedToWhatTheActorMaySee(t *testing.T) {
	author, other := ID{1}, ID{2}
	for _, c := range []struct {
		actor Actor
		f     PostFilter
		want  Status
	}{
		{Actor{}, PostFilter{}, Published},
		{Actor{}, PostFilter{Status: Draft}, Published},
		{Actor{}, PostFilter{Status: Draft, Author: author}, Published},
		{Actor{other, RoleUser}, PostFilter{Status: Draft, Author: author}, Published},
		{Actor{author, RoleUser}, PostFilter{Status: Draft}, Published},
		{Actor{author, RoleUser}, PostFilter{Status: Draft, Author: author}, Draft},
		{Actor{author, RoleUser}, PostFilter{Author: author}, ""},
		{Actor{other, RoleAdmin}, PostFilter{Status: Archived}, Archived},
		{Actor{other, RoleAdmin}, PostFilter{}, ""},
	} {
		f := c.f
		f.Narrow(c.actor)
		if f.Status != c.want || f.Public() != (c.want == Published) {
			t.Errorf("%+v for %+v: %q, want %q", c.f, c.actor, f.Status, c.want)
		}
	}
}
