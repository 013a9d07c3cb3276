package blog

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryFieldCountsInARecord changes each field in turn, also those that will be added.
func TestEveryFieldCountsInARecord(t *testing.T) {
	derived := []string{"LikeCount", "CommentCount", "Tier", "Author.Username", "Author.Avatar", "Author.Profile", "Parent"}
	records := map[Kind]func() Record{
		KindUser:    func() Record { return new(User) },
		KindRevoked: func() Record { return new(RevokedToken) },
		KindPost:    func() Record { return new(Post) },
		KindLike:    func() Record { return new(Like) },
		KindComment: func() Record { return new(Comment) },
		KindReply:   func() Record { return new(Reply) },
		KindUpload:  func() Record { return new(Upload) },
		KindSource:  func() Record { return new(Source) },
	}
	for _, kind := range Kinds() {
		empty := records[kind]()
		if empty.Kind() != kind {
			t.Errorf("a %s is a %s", kind, empty.Kind())
		}
		for _, field := range fieldsOf(reflect.TypeOf(empty).Elem(), "") {
			r := records[kind]()
			change(t, reflect.ValueOf(r).Elem(), field)
			counts := kind == KindReply || !slices.ContainsFunc(derived, func(d string) bool { return field.name == d || strings.HasPrefix(field.name, d+".") })
			if Equal(empty, r) == counts {
				t.Errorf("%s of a %s counts: %v, want %v", field.name, kind, !counts, counts)
			}
		}
	}
}

type field struct {
	name  string
	index []int
}

// fieldsOf are the fields of a struct, and of those in it.
func fieldsOf(of reflect.Type, under string) (all []field) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Type.Kind() != reflect.Struct || f.Type == reflect.TypeFor[time.Time]() {
			all = append(all, field{under + f.Name, []int{i}})
			continue
		}
		for _, inner := range fieldsOf(f.Type, under+f.Name+".") {
			all = append(all, field{inner.name, append([]int{i}, inner.index...)})
		}
	}
	return all
}

func change(t *testing.T, of reflect.Value, f field) {
	t.Helper()
	switch v := of.FieldByIndex(f.index).Addr().Interface().(type) {
	case *ID:
		v[11]++
	case *string:
		*v = "x"
	case *Role:
		*v = RoleAdmin
	case *Status:
		*v = Published
	case *[]string:
		*v = []string{"x"}
	case *bool:
		*v = true
	case *int:
		*v = 1
	case *int64:
		*v = 1
	case *time.Time:
		*v = time.UnixMilli(1)
	default:
		t.Fatalf("no change for %s, a %T", f.name, v)
	}
}

func TestTextsOfARecordDoNotRunTogether(t *testing.T) {
	for _, pair := range [][2]Record{
		{&Post{Title: "ab", Content: "c"}, &Post{Title: "a", Content: "bc"}},
		{&Post{Tags: []string{"a,b"}}, &Post{Tags: []string{"a", "b"}}},
		{&Post{Tags: []string{"a", "b"}}, &Post{Tags: []string{"b", "a"}}},
		{&Source{Path: "a", Digest: ""}, &Source{Path: "", Digest: "a"}},
	} {
		if Equal(pair[0], pair[1]) {
			t.Errorf("%+v equals %+v", pair[0], pair[1])
		}
	}
	if !Equal(&Post{Tags: nil}, &Post{Tags: []string{}}) {
		t.Error("no tags are not no tags")
	}
}

func TestAKeySplitsIntoWhatItIsMadeOf(t *testing.T) {
	id := NewID(time.Now())
	if got, rest := (&RevokedToken{User: id, Token: "令牌"}).Key().Split(); got != id || rest != "令牌" {
		t.Errorf("%s %q", got, rest)
	}
	if got, rest := Key("").Split(); !got.IsZero() || rest != "" {
		t.Errorf("%s %q", got, rest)
	}
}
