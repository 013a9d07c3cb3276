package blog

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestIDsAreUniqueAndReadBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC)
	seen := map[ID]bool{}
	for range 10_000 {
		id := NewID(now)
		if back, ok := ParseID(id.String()); !ok || back != id {
			t.Fatalf("%s was read as %s, %v", id, back, ok)
		}
		if seen[id] {
			t.Fatalf("%s was made twice", id)
		}
		seen[id] = true
	}
	if got := NewID(now).Time(); !got.Equal(now.Truncate(time.Second)) {
		t.Errorf("made at %v, says %v", now, got)
	}
}

func TestOnly24LowerCaseHexDigitsAreAnID(t *testing.T) {
	const good = "0123456789abcdef01234567"
	if id, ok := ParseID(good); !ok || id.String() != good {
		t.Errorf("%s was refused", good)
	}
	for _, s := range []string{"", "0123456789ABCDEF01234567", good + "0", good[1:], "g" + good[1:], good[:22] + "é", " " + good[1:], good[:23] + "\x00", ID{}.String()} {
		if id, ok := ParseID(s); ok || !id.IsZero() {
			t.Errorf("%q was read as %s", s, id)
		}
	}
}

func TestOffsetsDoNotOverflow(t *testing.T) {
	for _, c := range []struct {
		page Page
		want int64
	}{
		{Page{Number: 1, Limit: 10}, 0},
		{Page{Number: 3, Limit: 100}, 200},
		{Page{Number: math.MaxInt, Limit: 100}, 1 << 40},
		{Page{Number: 3, Limit: 100, After: &Cursor{}}, 0},
	} {
		if got := c.page.Offset(); got != c.want {
			t.Errorf("offset of %+v is %d, want %d", c.page, got, c.want)
		}
	}
}

func TestOnlyKnownFieldsSort(t *testing.T) {
	for s, want := range map[string]Order{"title": {"title", false}, "-publishedAt": {"publishedAt", true}} {
		if got, err := ParseOrder(s, PostSorts); err != nil || got != want || got.String() != s {
			t.Errorf("%q was read as %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "-", "--title", "Title", "title ", "+title", "content", "title,-createdAt"} {
		if _, err := ParseOrder(s, PostSorts); CodeOf(err) != CodeInvalidSort {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestACursorComesBackToItsListAlone(t *testing.T) {
	const list List = "posts by title"
	for _, c := range []Cursor{
		{Text: "标题 \"<&>\" \u2028"}, {Int: math.MinInt64}, {Int: math.MaxInt64, Tier: 2}, {},
	} {
		c.ID = NewID(time.Now())
		got, err := ParseCursor(c.Encode(list), list)
		if err != nil || *got != c {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
		if _, err := ParseCursor(c.Encode(list), "posts by date"); CodeOf(err) != CodeInvalid {
			t.Errorf("the cursor of another list: %v", err)
		}
	}
	for _, tier := range []int{-1, 3, 1 << 40} {
		forged := Cursor{Tier: tier, ID: NewID(time.Now())}
		if _, err := ParseCursor(forged.Encode(list), list); CodeOf(err) != CodeInvalid {
			t.Errorf("a tier of %d: %v", tier, err)
		}
	}
}

// TestListsDifferInAllButThePage: what each filter differs by makes another list,
// the page does not.
func TestListsDifferInAllButThePage(t *testing.T) {
	id, on, off := NewID(time.Now()), true, false
	page := Page{Number: 7, Limit: 3, After: &Cursor{ID: id}}
	order := Order{Field: "createdAt"}
	lists := map[List]any{}
	for i, l := range []List{
		(&PostFilter{}).List(), (&PostFilter{Category: "技术"}).List(), (&PostFilter{Tags: []string{"技术"}}).List(), (&PostFilter{Tags: []string{"技", "术"}}).List(),
		(&PostFilter{Category: "2:技术"}).List(), (&PostFilter{Category: "技 6:术"}).List(), (&PostFilter{Tags: []string{"技 6:术"}}).List(), (&PostFilter{Tags: []string{"技", "术", ""}}).List(),
		(&PostFilter{Author: id}).List(), (&PostFilter{Status: Draft}).List(), (&PostFilter{Search: ParseQuery("技术")}).List(),
		(&PostFilter{From: time.UnixMilli(1)}).List(), (&PostFilter{From: time.UnixMilli(0)}).List(), (&PostFilter{To: time.UnixMilli(1)}).List(),
		(&PostFilter{From: time.Unix(1, 1)}).List(), (&PostFilter{From: time.Unix(1, 11)}).List(), (&PostFilter{From: time.Unix(11, 1)}).List(), (&PostFilter{Order: order}).List(),
		CommentFilter{}.List(), CommentFilter{Post: id}.List(), CommentFilter{Order: order}.List(),
		UserFilter{}.List(), UserFilter{Search: "技术"}.List(), UserFilter{Role: RoleAdmin}.List(), UserFilter{Active: &on}.List(), UserFilter{Active: &off}.List(), UserFilter{Order: order}.List(),
		UploadFilter{}.List(), UploadFilter{Owner: id}.List(),
	} {
		if other, known := lists[l]; known {
			t.Errorf("filters %v and %d are both %q", other, i, l)
		}
		lists[l] = i
	}
	for _, l := range []List{(&PostFilter{Page: page}).List(), CommentFilter{Page: page}.List(), UserFilter{Page: page}.List(), UploadFilter{Page: page}.List()} {
		if _, known := lists[l]; !known {
			t.Errorf("the page makes another list: %q", l)
		}
	}
}

func TestPagesOfAListAreSpelledAlikeOnlyIfTheyAreEqual(t *testing.T) {
	spelled := map[string]Page{}
	for _, p := range []Page{
		{Number: 1, Limit: 10}, {Number: 2, Limit: 10}, {Number: 1, Limit: 20}, {Number: 11, Limit: 0},
		{Number: 1, Limit: 10, After: &Cursor{ID: ID{1}}}, {Number: 1, Limit: 10, After: &Cursor{ID: ID{2}}}, {Number: 1, Limit: 10, After: &Cursor{ID: ID{1}, Int: 1}},
	} {
		text := List("list").Page(p)
		if other, known := spelled[text]; known {
			t.Errorf("%+v and %+v are both %q", p, other, text)
		}
		spelled[text] = p
	}
}

func TestACursorHoldsWhatItsListIsSortedBy(t *testing.T) {
	id, at := ID{7}, time.UnixMilli
	p := &Post{ID: id, Title: "题", PublishedAt: at(1), CreatedAt: at(2), UpdatedAt: at(3), ViewCount: 4, LikeCount: 5, CommentCount: 6, Tier: 2}
	posts := map[string]Cursor{
		"publishedAt": {Int: 1}, "relevance": {Int: 1}, "createdAt": {Int: 2}, "updatedAt": {Int: 3},
		"viewCount": {Int: 4}, "likeCount": {Int: 5}, "commentCount": {Int: 6}, "title": {Text: "题"},
	}
	for _, field := range PostSorts {
		want, f := posts[field], PostFilter{Order: Order{Field: field}}
		want.ID, want.Tier = id, 2
		if got := f.Cursor(p); *got != want {
			t.Errorf("posts by %s: %+v, want %+v", field, *got, want)
		}
	}
	u := &User{ID: id, Username: "名", Email: "a@b.co", CreatedAt: at(1), UpdatedAt: at(2)} // who never signed in
	users := map[string]Cursor{"createdAt": {Int: 1}, "updatedAt": {Int: 2}, "username": {Text: "名"}, "email": {Text: "a@b.co"}, "lastLogin": {}}
	for _, field := range UserSorts {
		want := users[field]
		want.ID = id
		if got := (UserFilter{Order: Order{Field: field}}).Cursor(u); *got != want {
			t.Errorf("users by %s: %+v, want %+v", field, *got, want)
		}
	}
}

func TestACursorThatNoDatabaseCanReadIsRefused(t *testing.T) {
	const list List = "posts by title"
	good := Cursor{Text: "题", ID: ID{1}}
	for name, spoil := range map[string]func(*Cursor){
		"NUL in the text": func(c *Cursor) { c.Text = "a\x00" },
		"no id":           func(c *Cursor) { c.ID = ID{} },
		"too long":        func(c *Cursor) { c.Text = strings.Repeat("a", maxCursor) },
	} {
		c := good
		spoil(&c)
		if got, err := ParseCursor(c.Encode(list), list); CodeOf(err) != CodeInvalid {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := ParseCursor(good.Encode(list), list); err != nil {
		t.Error(err)
	}
}

func FuzzCursor(f *testing.F) {
	const list List = "posts"
	good := Cursor{Int: 1, Text: "x", Tier: 1, ID: ID{1}}
	for _, s := range []string{good.Encode(list), "", "e30", "bnVsbA", "W10", "!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s, list)
		if err != nil {
			if CodeOf(err) != CodeInvalid {
				t.Errorf("error %v", err)
			}
			return
		}
		again, err := ParseCursor(c.Encode(list), list)
		if err != nil || *again != *c || !CleanText(c.Text) {
			t.Errorf("%q was read as %+v, and again as %+v, %v", s, c, again, err)
		}
	})
}
