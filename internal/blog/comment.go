package blog

import (
	"fmt"
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

// CommentContent trims and checks a comment's text: CodeInvalid.
func CommentContent(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", Invalid("content", RuleCommentRequired)
	case !CleanText(s):
		return "", Invalid("content", RuleText)
	case length(s) > MaxComment:
		return "", Invalid("content", RuleCommentLong)
	}
	return s, nil
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
func (f CommentFilter) List() List { return List(fmt.Sprintf("comments %s %s", f.Post, f.Order)) }
