package web

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"inkstone/internal/blog"
)

func TestPostsWriteThemselvesAsEncodingJSONWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("微服务 a\"\\\n\r\t\b\x00\x7f<&>\u2027\u2028\u2029\u202a\U0001F600"))),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }))
		number := rapid.Int64()
		moment := rapid.Map(rapid.Int64Range(-1<<40, 1<<42), func(ms int64) Time {
			if ms < 0 {
				return Time{}
			}
			return Time(time.UnixMilli(ms).In(time.FixedZone("", 8*3600)))
		})
		id := rapid.Custom(func(t *rapid.T) (id blog.ID) {
			copy(id[:], rapid.SliceOfN(rapid.Byte(), len(id), len(id)).Draw(t, "id"))
			return id
		})
		profile := rapid.Custom(func(t *rapid.T) Profile {
			return Profile{text.Draw(t, "first"), text.Draw(t, "last"), text.Draw(t, "bio"), text.Draw(t, "website"), text.Draw(t, "location")}
		})
		author := rapid.Custom(func(t *rapid.T) Author {
			return Author{id.Draw(t, "_id"), id.Draw(t, "id"), text.Draw(t, "username"), text.Draw(t, "avatar"),
				rapid.Ptr(text, true).Draw(t, "fullName"), rapid.Ptr(profile, true).Draw(t, "profile")}
		})
		comments := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Comment {
			return Comment{ID: id.Draw(t, "id"), Author: rapid.Ptr(author, true).Draw(t, "author"), Content: text.Draw(t, "content"), CreatedAt: moment.Draw(t, "created")}
		}), 0, 3)
		post := rapid.Custom(func(t *rapid.T) Post {
			return Post{
				ID0: id.Draw(t, "_id"), ID: id.Draw(t, "id"), Title: text.Draw(t, "title"), Content: text.Draw(t, "content"), Excerpt: text.Draw(t, "excerpt"),
				Author: author.Draw(t, "author"), Category: text.Draw(t, "category"), Tags: rapid.SliceOf(text).Draw(t, "tags"),
				CoverImage: text.Draw(t, "cover"), Status: blog.Status(text.Draw(t, "status")),
				ViewCount: number.Draw(t, "views"), LikeCount: number.Draw(t, "likes"), CommentCount: number.Draw(t, "comments"),
				PublishedAt: moment.Draw(t, "published"), CreatedAt: moment.Draw(t, "created"), UpdatedAt: moment.Draw(t, "updated"),
				Comments: rapid.Ptr(comments, true).Draw(t, "comments"), Liked: rapid.Ptr(rapid.Bool(), true).Draw(t, "liked"),
			}
		})
		for _, v := range []appender{
			PostAnswer{text.Draw(t, "message"), post.Draw(t, "post")},
			PostList{rapid.SliceOfN(post, 0, 3).Draw(t, "posts"), Pagination{Total: number.Draw(t, "total"), Next: text.Draw(t, "next")}},
		} {
			if diff := cmp.Diff(reflected(t, v), string(v.appendJSON(nil))); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// A store keeps valid UTF-8 only. In a file that somebody spoiled it may be anything, and
// an answer about that is spoiled, but is one.
func TestSpoiledTextsOfAPostAreWrittenAsTheyAre(t *testing.T) {
	for _, text := range []string{"\xff", "a\xe2", "\xe2\x80", "\xed\xa0\x80", "\xe2\x80\xa8\xe2"} {
		p := PostAnswer{Post: Post{Title: text}}
		want := strings.ReplaceAll(text, "\u2028", `\u2028`)
		if got := string(p.appendJSON(nil)); !strings.Contains(got, want) && !strings.Contains(got, `\ufffd`) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestAPostWithoutTagsWritesNull(t *testing.T) { // NewPost never makes one
	p := PostAnswer{}
	if diff := cmp.Diff(reflected(t, p), string(p.appendJSON(nil))); diff != "" {
		t.Fatal(diff)
	}
}

func TestErrorsWriteThemselvesAsEncodingJSONWould(t *testing.T) {
	for _, e := range []errorBody{
		{},
		{Error: "服务繁忙，请稍后再试", Code: blog.CodeBusy, RequestID: "r-1"},
		{Error: "a", Code: "B", Details: "<&>\u2028\"", Fields: map[string]string{"z\n": "\x01", "a": "\xff", "": ""}, Path: "/文章?x=\\", Message: "m\t", Service: "database", RequestID: "\x7f"},
	} {
		if diff := cmp.Diff(reflected(t, e), string(e.appendJSON(nil))); diff != "" {
			t.Error(diff)
		}
	}
}

// reflected is v as encoding/json writes it for us.
func reflected(t interface{ Fatal(...any) }, v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func BenchmarkAPostOf3KB(b *testing.B) {
	p := PostAnswer{Post: SinglePost(&blog.Post{Title: "深入微服务架构", Content: string(bytes.Repeat([]byte("把系统拆成“小的”服务，各自部署。\n"), 64)), Tags: []string{"微服务"}}, nil, nil)}
	b.Run("itself", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.appendJSON(nil)
		}
	})
	b.Run("reflected", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			reflected(b, p)
		}
	})
}
