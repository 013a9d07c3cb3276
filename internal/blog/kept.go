package blog

import (
	"math"
	"slices"
	"time"
)

// What every engine does alike with what it is given to keep or to look for.

// Number returns the place of s among Statuses, from 1; 0 for anything else.
func (s Status) Number() int { return slices.Index(Statuses, s) + 1 }

// StatusOf is the reverse of Number.
func StatusOf(number int) Status {
	if number < 1 || number > len(Statuses) {
		return ""
	}
	return Statuses[number-1]
}

// LatestDate is what every date of a post is before.
var LatestDate = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// checkDate refuses a date that cannot be kept, see Posts.Create.
func checkDate(t time.Time) error {
	if t.IsZero() || Millis(t) > 0 && t.Before(LatestDate) {
		return nil
	}
	return Invalid("publishedAt", RuleDate)
}

// Created makes p what a new post by author is as kept. CodeInvalid as Posts.Create.
func (p *Post) Created(author Author) error {
	p.ViewCount, p.Revision = 0, max(p.Revision, 1)
	return p.Added(author)
}

// Added is Created for a post that has its views and its revision already.
func (p *Post) Added(author Author) error {
	if err := checkDate(p.PublishedAt); err != nil {
		return err
	}
	p.Author, p.Tags = author, slices.Clone(p.Tags)
	p.LikeCount, p.CommentCount, p.Tier = 0, 0, 0
	p.PublishedAt, p.CreatedAt, p.UpdatedAt = ToMillisecond(p.PublishedAt), ToMillisecond(p.CreatedAt), ToMillisecond(p.UpdatedAt)
	return nil
}

// Updated makes p, which was old before it was changed, what it is as kept: what a change
// must not touch is put back. CodeInvalid as Posts.Create.
func (p *Post) Updated(old *Post) error {
	if err := checkDate(p.PublishedAt); err != nil {
		return err
	}
	p.ID, p.Author, p.CreatedAt = old.ID, old.Author, old.CreatedAt
	p.ViewCount, p.LikeCount, p.CommentCount = old.ViewCount, old.LikeCount, old.CommentCount
	p.Revision, p.Tier = old.Revision+1, 0
	p.PublishedAt, p.UpdatedAt = ToMillisecond(p.PublishedAt), ToMillisecond(p.UpdatedAt)
	return nil
}

// Created makes c what a new comment by author is as kept.
func (c *Comment) Created(author Author) {
	c.Author, c.Deleted = author, false
	c.CreatedAt, c.UpdatedAt = ToMillisecond(c.CreatedAt), ToMillisecond(c.UpdatedAt)
}

// Updated makes u, which was old before it was changed, what it is as kept.
func (u *User) Updated(old *User) {
	u.ID, u.CreatedAt = old.ID, old.CreatedAt
	u.LastLogin, u.UpdatedAt, u.TokensFrom = ToMillisecond(u.LastLogin), ToMillisecond(u.UpdatedAt), ToMillisecond(u.TokensFrom)
}

// Nothing reports whether the filter says by itself that no post can be in the list.
func (f *PostFilter) Nothing() bool {
	return f.Search.Nothing() || f.Status != "" && !f.Status.Valid() || !CleanText(f.Category) ||
		len(f.Tags) > 0 && len(f.DistinctTags()) == 0
}

// DistinctTags returns the filter's tags without repeats and without what no tag can be.
func (f *PostFilter) DistinctTags() (tags []string) {
	for _, t := range f.Tags {
		if t != "" && CleanText(t) && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// Dated returns the range that From and To allow, in Unix milliseconds with both ends
// included: of From the next whole one. It begins after 0, so a post without a date is
// outside. ranged is false if neither is set.
func (f *PostFilter) Dated() (low, high int64, ranged bool) {
	low, high = 1, math.MaxInt64
	if !f.From.IsZero() {
		low = max(low, f.From.Add(time.Millisecond-1).UnixMilli())
	}
	if !f.To.IsZero() {
		high = f.To.UnixMilli()
	}
	return low, high, !f.From.IsZero() || !f.To.IsZero()
}

// UserGroup is what users are counted by.
type UserGroup struct {
	Role   Role
	Active bool
}

// Groups returns the groups of users that the filter allows, always in one order: an
// engine may lock them in it.
func (f UserFilter) Groups() (groups []UserGroup) {
	for _, role := range []Role{RoleAdmin, RoleUser} {
		for _, active := range []bool{false, true} {
			if (f.Role == "" || f.Role == role) && (f.Active == nil || *f.Active == active) {
				groups = append(groups, UserGroup{role, active})
			}
		}
	}
	return groups
}
