package postgres

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"inkstone/internal/blog"
)

// key is an id as an argument.
func key(id blog.ID) []byte { return id[:] }

// keyOrNull is key, and NULL for the zero id.
func keyOrNull(id blog.ID) []byte {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// intoID is a place for an id; NULL and the empty key are the zero one.
type intoID struct{ *blog.ID }

// ScanBytes implements pgtype.BytesScanner.
func (i intoID) ScanBytes(b []byte) error {
	if len(b) != 0 && len(b) != len(i.ID) {
		return fmt.Errorf("postgres: an id of %d bytes", len(b))
	}
	*i.ID = blog.ID{}
	copy(i.ID[:], b)
	return nil
}

// intoTime is a place for a time in milliseconds.
type intoTime struct{ *time.Time }

// ScanInt64 implements pgtype.Int64Scanner.
func (t intoTime) ScanInt64(ms pgtype.Int8) error {
	*t.Time = blog.FromMillis(ms.Int64)
	return nil
}

// intoStatus is a place for a status.
type intoStatus struct{ *blog.Status }

// ScanInt64 implements pgtype.Int64Scanner.
func (s intoStatus) ScanInt64(n pgtype.Int8) error {
	*s.Status = blog.StatusOf(int(n.Int64))
	return nil
}

// authorColumns are what scans of an author read of users u.
const authorColumns = "u.id, u.username, u.avatar, u.first_name, u.last_name, u.bio, u.website, u.location"

// intoAuthor are the places for authorColumns. A comment's shell has none of them.
func intoAuthor(a *blog.Author) []any {
	p := &a.Profile
	return []any{intoID{&a.ID}, intoText{&a.Username}, intoText{&a.Avatar}, intoText{&p.FirstName}, intoText{&p.LastName}, intoText{&p.Bio}, intoText{&p.Website}, intoText{&p.Location}}
}

// intoText is a place for a text; NULL is the empty one.
type intoText struct{ text *string }

// ScanText implements pgtype.TextScanner.
func (t intoText) ScanText(v pgtype.Text) error {
	*t.text = v.String
	return nil
}

// intoInt is a place for a number; NULL is 0.
type intoInt struct{ n *int64 }

// ScanInt64 implements pgtype.Int64Scanner.
func (i intoInt) ScanInt64(v pgtype.Int8) error {
	*i.n = v.Int64
	return nil
}
