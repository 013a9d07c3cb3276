package blog

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a post's fields, in characters (code points) unless said otherwise.
const (
	MaxTitle   = 100
	MaxExcerpt = 200
	MaxTags    = 20
	MaxTag     = 50
)

// Status is where a post stands.
type Status string

// The statuses. Any can follow any.
const (
	Draft     Status = "draft"
	Published Status = "published"
	Archived  Status = "archived"
)

// Statuses are all there are. Engines may keep a status as its number: the order stays.
var Statuses = []Status{Draft, Published, Archived}

// Valid reports whether s is one of the three.
func (s Status) Valid() bool { return slices.Contains(Statuses, s) }

// Post is an article.
type Post struct {
	ID         ID
	Title      string
	Content    string
	Excerpt    string
	Author     Author
	Category   string
	Tags       []string // in the author's order, without repeats
	CoverImage string
	Status     Status

	ViewCount    int64
	LikeCount    int64
	CommentCount int64

	PublishedAt time.Time // zero until first published; then it stays
	CreatedAt   time.Time
	UpdatedAt   time.Time

	// Revision counts the edits, from 1. Views, likes and comments are no edits.
	Revision int64
	// Tier is, in a list sorted by relevance, how good the hit is; see Query.
	Tier int
}

// PostRef is what permission needs to know of a post.
type PostRef struct {
	ID     ID
	Author ID
	Status Status
}

// Ref returns the part of p that permission needs.
func (p *Post) Ref() PostRef { return PostRef{p.ID, p.Author.ID, p.Status} }

// PostInput is what a client may say of a post; nil keeps the value.
type PostInput struct {
	Title, Content, Excerpt, Category, CoverImage *string
	Tags                                          *[]string
	Status                                        *Status
}

// RequireAll makes a missing title, content or category a broken field, as
// creating and replacing ask for.
func (in *PostInput) RequireAll() {
	empty := ""
	for _, f := range []**string{&in.Title, &in.Content, &in.Category} {
		if *f == nil {
			*f = &empty
		}
	}
}

// Apply changes p, in place, to what in says and reports every broken field:
// CodeInvalid, and p is unchanged. A post that becomes published for the first
// time gets now as its date. It touches neither UpdatedAt nor Revision.
func (in PostInput) Apply(p *Post, categories []string, now time.Time) error {
	n := *p
	set(&n.Title, in.Title, strings.TrimSpace)
	set(&n.Content, in.Content, func(s string) string { return s })
	set(&n.Excerpt, in.Excerpt, strings.TrimSpace)
	set(&n.Category, in.Category, strings.TrimSpace)
	set(&n.CoverImage, in.CoverImage, strings.TrimSpace)
	if in.Tags != nil {
		n.Tags = cleanTags(*in.Tags)
	}
	switch {
	case in.Status != nil:
		n.Status = *in.Status // "" too, which is no status: it must not take a post back to a draft
	case n.Status == "":
		n.Status = Draft
	}
	if err := n.validate(in, categories); err != nil {
		return err
	}
	if n.Status == Published && n.PublishedAt.IsZero() {
		n.PublishedAt = now
	}
	*p = n
	return nil
}

func cleanTags(tags []string) []string {
	out := make([]string, 0, len(tags))
	for _, t := range tags {
		if t = strings.TrimSpace(t); !slices.Contains(out, t) {
			out = append(out, t)
		}
		if len(out) > MaxTags {
			break // already too many; more would only cost time
		}
	}
	return out
}

// validate checks what in touched: a value that was fine when it was set (a
// category that has since left the list) does not stop another edit.
func (p *Post) validate(in PostInput, categories []string) error {
	var bad Problems
	if in.Title != nil {
		checkText(&bad, "title", p.Title, RuleTitleRequired, MaxTitle, RuleTitleLong)
	}
	if in.Content != nil {
		checkContent(&bad, p.Content)
	}
	if in.Excerpt != nil {
		checkText(&bad, "excerpt", p.Excerpt, "", MaxExcerpt, RuleExcerptLong)
	}
	if in.Category != nil {
		checkCategory(&bad, p.Category, categories)
	}
	if in.Tags != nil {
		checkTags(&bad, p.Tags)
	}
	if in.CoverImage != nil {
		bad.Check(CleanText(p.CoverImage) && validImage(p.CoverImage), "coverImage", RuleCoverImage)
	}
	bad.Check(p.Status.Valid(), "status", RuleStatus)
	return bad.Err()
}

func checkText(bad *Problems, name, s string, required Rule, most int, long Rule) {
	switch {
	case s == "" && required != "":
		bad.Add(name, required)
	case !CleanText(s):
		bad.Add(name, RuleText)
	case length(s) > most:
		bad.Add(name, long)
	}
}

func checkContent(bad *Problems, s string) {
	switch {
	case strings.TrimSpace(s) == "":
		bad.Add("content", RuleContentRequired)
	case !CleanText(s):
		bad.Add("content", RuleText)
	}
}

func checkCategory(bad *Problems, s string, categories []string) {
	switch {
	case s == "":
		bad.Add("category", RuleCategoryRequired)
	case !slices.Contains(categories, s):
		bad.Add("category", RuleCategory)
	}
}

func checkTags(bad *Problems, tags []string) {
	bad.Check(len(tags) <= MaxTags, "tags", RuleTagsMany)
	for _, t := range tags {
		switch {
		case !CleanText(t):
			bad.Add("tags", RuleText)
			return
		case t == "" || length(t) > MaxTag || strings.ContainsRune(t, ','):
			bad.Add("tags", RuleTag)
			return
		}
	}
}

// PostSorts are the fields a list of posts can be sorted by. Relevance puts the
// best hits first in either direction, then the newest, as -publishedAt does;
// without a search it is just that.
var PostSorts = []string{"publishedAt", "createdAt", "updatedAt", "viewCount", "likeCount", "commentCount", "title", "relevance"}

// PostFilter says which posts are listed. Zero fields do not filter, so whoever
// lists for a client narrows it with Narrow first.
type PostFilter struct {
	Category string
	Tags     []string // any of them
	Author   ID
	Status   Status // "": all of them
	Search   Query
	From, To time.Time // publishedAt, both included; a post without a date is in no range
	Order    Order     // field: one of PostSorts
	Page     Page
	MaxText  int64 // bound of the page's contents together, in bytes; beyond it the list is Bare. 0: none
}

// Narrow limits the filter to what the actor may see: others' posts only if
// published. Its own author, or an admin, gets what Status asks for.
func (f *PostFilter) Narrow(a Actor) {
	if a.Admin() || !f.Author.IsZero() && a.Is(f.Author) {
		return
	}
	f.Status = Published
}

// List names the filter's list.
func (f *PostFilter) List() List {
	parts := []string{f.Category, f.Author.String(), string(f.Status), f.Search.Text, instant(f.From), instant(f.To), f.Order.String()}
	return newList("posts", append(parts, f.Tags...)...)
}

// instant spells t to the nanosecond.
func instant(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 36) + "." + strconv.Itoa(t.Nanosecond())
}

// Cursor returns the place of p in the filter's list.
func (f *PostFilter) Cursor(p *Post) *Cursor {
	c := &Cursor{ID: p.ID, Tier: p.Tier}
	switch f.Order.Field {
	case "publishedAt", "relevance":
		c.Int = Millis(p.PublishedAt)
	case "createdAt":
		c.Int = Millis(p.CreatedAt)
	case "updatedAt":
		c.Int = Millis(p.UpdatedAt)
	case "viewCount":
		c.Int = p.ViewCount
	case "likeCount":
		c.Int = p.LikeCount
	case "commentCount":
		c.Int = p.CommentCount
	case "title":
		c.Text = p.Title
	}
	return c
}

// Public reports whether the answer is the same for everybody.
func (f *PostFilter) Public() bool { return f.Status == Published }

// TagCount is a tag and how many published posts bear it.
type TagCount struct {
	Name  string
	Count int64
}

// StatusStats sums the posts of one status.
type StatusStats struct {
	Status                        Status
	Count, TotalViews, TotalLikes int64
}

// CategoryCount is a category and how many published posts it has.
type CategoryCount struct {
	Category string
	Count    int64
}

// Stats is the overview for admins. What has no posts is not listed.
type Stats struct {
	Statuses   []StatusStats
	Categories []CategoryCount
}
