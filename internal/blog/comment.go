package blog

import (
	"strings"
	"time"
)

// MaxComment bounds a comment, in characters.
const MaxComment = 1000

// Comment is a remark under a post. A deleted one that has replies stays as a
// shell: Deleted, without content and author.
type Comment struct {
	ID        ID
	Post      ID
	Author    Author // zero in a shell
	Parent    ID     // zero: not a reply
	Content   string
	Deleted   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// CommentInput is what a client says of a comment.
type CommentInput struct {
	Content string
	Parent  *string // an id; nil: not a reply, and in an edit always
}

// Apply sets c's text and parent and reports every broken field: CodeInvalid.
func (in CommentInput) Apply(c *Comment) error {
	var bad Problems
	c.Content = strings.TrimSpace(in.Content)
	checkText(&bad, "content", c.Content, RuleCommentRequired, MaxComment, RuleCommentLong)
	if in.Parent != nil {
		var ok bool
		c.Parent, ok = ParseID(*in.Parent)
		bad.Check(ok, "parent", RuleParent)
	}
	return bad.Err()
}

// CommentSorts are the fields a list of comments can be sorted by.
var CommentSorts = []string{"createdAt"}

// CommentFilter says which comments are listed.
type CommentFilter struct {
	Post  ID
	Order Order // field: one of CommentSorts
	Page  Page
}

// List names the filter's list.
func (f CommentFilter) List() List { return newList("comments", f.Post.String(), f.Order.String()) }

// Cursor returns the place of c in the filter's list.
func (f CommentFilter) Cursor(c *Comment) *Cursor {
	return &Cursor{Int: Millis(c.CreatedAt), ID: c.ID}
}
