package blog

import (
	"bytes"
	"encoding/binary"
	"time"
)

// RevokedToken is a token of a user that was logged out; it ends by itself at Until.
type RevokedToken struct {
	User  ID
	Token string
	Until time.Time
}

// Like is that a user likes a post.
type Like struct{ Post, User ID }

// Reply is that a comment has a parent.
type Reply struct{ Comment, Parent ID }

// Source is which post a file of an import became, see Sources.
type Source struct {
	Author ID
	Path   string
	Post   ID
	Digest string
}

// Equal tells whether two records are the same.
func Equal(a, b Record) bool {
	return a.Kind() == b.Kind() && bytes.Equal(a.Append(nil), b.Append(nil))
}

// Lasting returns a record without what changes when somebody only comes by: the views of
// a post, and when a user was last there.
func Lasting(r Record) Record {
	switch r := r.(type) {
	case *Post:
		p := *r
		p.ViewCount = 0
		return &p
	case *User:
		u := *r
		u.LastLogin = time.Time{}
		return &u
	}
	return r
}

// Kind implements Record.
func (u *User) Kind() Kind         { return KindUser }
func (t *RevokedToken) Kind() Kind { return KindRevoked }
func (p *Post) Kind() Kind         { return KindPost }
func (l *Like) Kind() Kind         { return KindLike }
func (c *Comment) Kind() Kind      { return KindComment }
func (r *Reply) Kind() Kind        { return KindReply }
func (u *Upload) Kind() Kind       { return KindUpload }
func (s *Source) Kind() Kind       { return KindSource }

// Key implements Record.
func (u *User) Key() Key         { return keyOf(u.ID) }
func (t *RevokedToken) Key() Key { return keyOf(t.User) + Key(t.Token) }
func (p *Post) Key() Key         { return keyOf(p.ID) }
func (l *Like) Key() Key         { return keyOf(l.Post) + keyOf(l.User) }
func (c *Comment) Key() Key      { return keyOf(c.ID) }
func (r *Reply) Key() Key        { return keyOf(r.Comment) }
func (u *Upload) Key() Key       { return Key(u.Filename) }
func (s *Source) Key() Key       { return keyOf(s.Author) + Key(s.Path) }

func keyOf(id ID) Key { return Key(id[:]) }

// Append implements Record.
func (u *User) Append(b []byte) []byte {
	b = append(b, u.ID[:]...)
	for _, s := range []string{u.Username, u.Email, u.PasswordHash, string(u.Role), u.Avatar,
		u.Profile.FirstName, u.Profile.LastName, u.Profile.Bio, u.Profile.Website, u.Profile.Location} {
		b = appendText(b, s)
	}
	b = appendBool(b, u.Active)
	b = appendMillis(b, u.LastLogin, u.CreatedAt, u.UpdatedAt, u.TokensFrom)
	return binary.AppendVarint(b, u.TokenVersion)
}

// Append implements Record.
func (t *RevokedToken) Append(b []byte) []byte {
	return appendMillis(appendText(append(b, t.User[:]...), t.Token), t.Until)
}

// Append implements Record.
func (p *Post) Append(b []byte) []byte {
	b = append(b, p.ID[:]...)
	b = append(b, p.Author.ID[:]...)
	for _, s := range []string{p.Title, p.Content, p.Excerpt, p.Category, p.CoverImage, string(p.Status)} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Tags)))
	for _, tag := range p.Tags {
		b = appendText(b, tag)
	}
	b = appendMillis(b, p.PublishedAt, p.CreatedAt, p.UpdatedAt)
	return binary.AppendVarint(binary.AppendVarint(b, p.ViewCount), p.Revision)
}

// Append implements Record.
func (l *Like) Append(b []byte) []byte { return append(append(b, l.Post[:]...), l.User[:]...) }

// Append implements Record.
func (c *Comment) Append(b []byte) []byte {
	b = append(b, c.ID[:]...)
	b = append(b, c.Post[:]...)
	b = append(b, c.Author.ID[:]...)
	return appendMillis(appendBool(appendText(b, c.Content), c.Deleted), c.CreatedAt, c.UpdatedAt)
}

// Append implements Record.
func (r *Reply) Append(b []byte) []byte { return append(append(b, r.Comment[:]...), r.Parent[:]...) }

// Append implements Record.
func (u *Upload) Append(b []byte) []byte {
	b = appendText(appendText(appendText(b, u.Filename), u.Field), u.OriginalName)
	b = append(b, u.Owner[:]...)
	return appendMillis(binary.AppendVarint(b, u.Size), u.CreatedAt)
}

// Append implements Record.
func (s *Source) Append(b []byte) []byte {
	b = append(b, s.Author[:]...)
	b = append(b, s.Post[:]...)
	return appendText(appendText(b, s.Path), s.Digest)
}

// appendText begins with the length, so that two texts never read as two others.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, is bool) []byte {
	if is {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendMillis(b []byte, times ...time.Time) []byte {
	for _, t := range times {
		b = binary.AppendVarint(b, Millis(t))
	}
	return b
}
