package blog

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Why a copy does not begin, or a database that it left behind is not opened.
var (
	ErrUnfinished  = errors.New("a copy into the database has not been finished")
	ErrNotEmpty    = errors.New("the database is not empty")
	ErrOtherSource = errors.New("a copy from another source into the database has not been finished")
)

// Copies carries all that a store keeps to another one, of any engine: as records, which
// are what is kept without what is derived from it.
type Copies interface {
	// Snapshot runs read on one state of the store for as long as that takes. What is
	// written meanwhile is not in it. It has no bound of time but the context's.
	Snapshot(ctx context.Context, read func(Snapshot) error) error

	// Put adds records of one kind just as they are, and all that is derived from them:
	// counters, sums, search terms. It passes over those that are there and equal (what is
	// Lasting of them), so that it may be called again with what has been put before. It refuses the first
	// record for which it must, by a *RecordError: ErrDiffers if another record has its
	// key, CodeEmailTaken or CodeUsernameTaken if another user has that, CodeUserNotFound,
	// CodePostNotFound, CodeCommentNotFound if what it refers to is not there, CodeInvalid
	// if it can be no record of a snapshot. What everybody can see may have changed by it.
	Put(ctx context.Context, records []Record) error

	// Begin notes that a copy from a source, which is any text, is under way. From then on
	// nobody opens the store, but to go on with it, until End. Going on is to Begin again,
	// by the same name: ErrOtherSource. ErrNotEmpty if there is anything in the store
	// before the first time.
	Begin(ctx context.Context, source string) error

	// End takes the note away.
	End(ctx context.Context) error
}

// Snapshot is one state of a store.
type Snapshot interface {
	// Records yields the records of a kind in the order of their keys, those behind after,
	// or an error and nothing more. Nothing else may be asked before it has ended.
	Records(kind Kind, after Key) iter.Seq2[Record, error]

	// Last returns the last key of a kind; "" if there is none.
	Last(kind Kind) (Key, error)

	// Count returns how many records of a kind there are.
	Count(kind Kind) (int64, error)
}

// Kind is a kind of records.
type Kind string

// The kinds. A comment comes without its parent, which a reply is the record of: so no
// record refers to one that comes after it.
const (
	KindUser    Kind = "user"
	KindRevoked Kind = "revoked token"
	KindPost    Kind = "post"
	KindLike    Kind = "like"
	KindComment Kind = "comment"
	KindReply   Kind = "reply"
	KindUpload  Kind = "upload"
	KindSource  Kind = "source"
)

// Kinds lists every Kind, each behind those to which its records refer.
func Kinds() []Kind {
	return []Kind{KindUser, KindRevoked, KindPost, KindLike, KindComment, KindReply, KindUpload, KindSource}
}

// Key tells a record from all others of its kind. Keys are compared byte by byte.
type Key string

// Split cuts a key into the id that it begins with and the rest. The key "" has the zero
// id, which comes before all others.
func (k Key) Split() (id ID, rest string) {
	n := copy(id[:], k)
	return id, string(k[n:])
}

// Record is one thing that a store keeps: *User, *RevokedToken, *Post, *Like, *Comment,
// *Reply, *Upload, *Source.
type Record interface {
	Kind() Kind
	Key() Key

	// Append appends all that is kept of it, spelt in one way: two records are equal if
	// that is. Of a post the author's id counts, but not LikeCount and CommentCount, which
	// come from other records; of a comment neither its parent nor more of its author.
	Append(b []byte) []byte
}

// ErrDiffers is why Put refuses a record whose key another one has.
var ErrDiffers = errors.New("another record with this key is there")

// RecordError is the record that Put refuses, and why.
type RecordError struct {
	Record Record
	Err    error
}

// Error implements error, for logs.
func (e *RecordError) Error() string {
	return fmt.Sprintf("%s %q: %v", e.Record.Kind(), e.Record.Key(), e.Err)
}

// Unwrap returns why.
func (e *RecordError) Unwrap() error { return e.Err }

// Missing returns those of the records that are not among the ones there. A *RecordError
// with ErrDiffers if one that is there differs in what is Lasting.
func Missing(records []Record, there map[Key]Record) (missing []Record, err error) {
	for _, r := range records {
		have, ok := there[r.Key()]
		switch {
		case !ok:
			missing = append(missing, r)
		case !Equal(Lasting(r), Lasting(have)):
			return nil, &RecordError{r, ErrDiffers}
		}
	}
	return missing, nil
}
