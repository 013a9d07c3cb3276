package blog

import (
	"context"
	"errors"
	"time"
)

// Why an engine leaves a database alone when it is opened.
var (
	ErrNewerSchema = errors.New("the database was written by a newer version of inkstone: install that version, or restore an older backup")
	ErrOldSchema   = errors.New("the database has an older schema: run `inkstone migrate` first")
	ErrEmpty       = errors.New("the database is empty")
	ErrForeign     = errors.New("the database is one of another program")
)

// CheckSchema refuses a database, by the version of its schema and the newest that there is,
// that no store can be opened on as it stands: ErrEmpty for 0, ErrOldSchema.
func CheckSchema(version, newest int) error {
	switch {
	case version == 0:
		return ErrEmpty
	case version < newest:
		return ErrOldSchema
	}
	return nil
}

// Store is where everything is kept. An engine implements it; storetest is the
// suite that says what that means, in code.
//
// Promises that hold for every method:
//   - A change happens whole or not at all, and is on disk before the method
//     returns nil. A read shows one state: the items of a list and its total agree.
//   - The order of failures is fixed. First comes what the method needs and does not
//     find, in the order in which the codes are named; then the function argument is
//     asked; then the other codes apply.
//   - A function argument runs in the same unit of work as the change that it
//     guards. It may run more than once (an engine may have to retry) and must not
//     call the store. If it returns an error, nothing is changed and the method
//     returns that very error; if it panics, nothing is changed either.
//   - Failures are *Error values with a code that the method names, CodeUnavailable
//     (away, locked or too slow), CodeBusy (a queue is full), CodeStorageFull, or the
//     context's error. Anything else is a defect; so it is one of the caller's
//     to create a second document with the same id or file name.
//   - Callers set ids and times. Times are kept in UTC and cut to the millisecond, see
//     ToMillisecond; a zero time stays zero.
//   - Texts to keep are CleanText; they come back byte for byte and are compared so,
//     where nothing else is said. A text to look for may be anything: one that cannot
//     be kept is just not found.
//   - Nil and empty slices are the same. What a method returns belongs to the caller.
//   - What a change leaves without a meaning (comments of a deleted post, likes of
//     a deleted user) goes with it, and counters stay equal to their rows.
type Store interface {
	Users() Users
	Posts() Posts
	Comments() Comments
	Uploads() Uploads
	Sources() Sources
	Copies() Copies
	Care() Care

	// Generation returns a number that changes with every acknowledged change, by any
	// process, to what everybody can see: published posts with their comments, likes
	// and views, and the users shown beside them. It never goes back to an earlier
	// value. What not everybody can see (drafts, logins, uploads) does not change it.
	// A cache reads it before the data that it is to keep, and keeps them under it.
	Generation(ctx context.Context) (uint64, error)

	// Ping reports whether the store can answer. It needs no room to write.
	Ping(ctx context.Context) error

	// Close ends everything. No method may run meanwhile or afterwards.
	Close() error
}

// Users keeps the accounts and their logins.
type Users interface {
	// Create adds u, which it does not touch. CodeEmailTaken, else
	// CodeUsernameTaken (names are compared by Fold).
	Create(ctx context.Context, u *User) error

	// CreateFirstAdmin adds u unless there is an admin already (created is false
	// then), as one step however many processes try at once. Codes as Create.
	CreateFirstAdmin(ctx context.Context, u *User) (created bool, err error)

	// Get returns a user. CodeUserNotFound.
	Get(ctx context.Context, id ID) (*User, error)

	// GetByEmail returns the user with that address, a NormalEmail. CodeUserNotFound.
	GetByEmail(ctx context.Context, email string) (*User, error)

	// List returns users in the filter's order.
	List(ctx context.Context, f UserFilter) (Listed[*User], error)

	// Update changes a user by change, and returns him as he is then. Id and
	// CreatedAt stay. CodeUserNotFound; codes as Create; CodeLastAdmin if it would
	// take away the last active admin.
	Update(ctx context.Context, id ID, change func(*User) error) (*User, error)

	// Delete removes a user with his posts (and all that hangs on them), his
	// comments (a shell stays where there are replies by others), likes and
	// revoked tokens, if check agrees; his uploads become ownerless, see
	// Uploads.Ownerless. CodeUserNotFound, CodeLastAdmin.
	Delete(ctx context.Context, id ID, check func(*User) error) error

	// Session returns what the check of a token needs, in one read; token is
	// what RevokeToken was given. CodeUserNotFound.
	Session(ctx context.Context, id ID, token string) (Session, error)

	// RevokeToken refuses one token of a user from now on. This may be forgotten
	// after until, when the token ends by itself; of two calls the later until
	// counts. CodeUserNotFound.
	RevokeToken(ctx context.Context, id ID, token string, until time.Time) error
}

// Posts keeps the articles with their tags, likes, views and search terms.
type Posts interface {
	// Create adds p, whose Author needs only the ID, and makes p what it is as
	// kept: the author filled in, counters 0, Revision at least 1. CodeUserNotFound
	// if there is no such author; CodeInvalid with RuleDate unless PublishedAt is
	// zero, or after the first millisecond of 1970 and before 2200.
	Create(ctx context.Context, p *Post) error

	// Get returns a post with its author. CodePostNotFound.
	Get(ctx context.Context, id ID) (*Post, error)

	// Peek is Get for a post that may be too large for memory: a content of more than
	// most bytes is left out. It returns how many bytes it has, too. CodePostNotFound.
	Peek(ctx context.Context, id ID, most int64) (p *Post, size int64, err error)

	// Liked reports whether the user likes the post; false if either is unknown.
	Liked(ctx context.Context, id, user ID) (bool, error)

	// List returns posts in the filter's order. Total costs no more in a
	// large store where the filter is at most a status with a category, an
	// author and one tag. Contents that together exceed the filter's MaxText are
	// not read into memory: the list is then Bare, and the content of each item "".
	List(ctx context.Context, f PostFilter) (Listed[*Post], error)

	// Update changes a post by change and returns it as it is then. Id, author,
	// counters and CreatedAt stay; Revision goes up by one. CodePostNotFound;
	// CodeInvalid as Create.
	Update(ctx context.Context, id ID, change func(*Post) error) (*Post, error)

	// Delete removes a post with its comments and likes, if check agrees. CodePostNotFound.
	Delete(ctx context.Context, id ID, check func(PostRef) error) error

	// SetLike makes the user like the post or not, if check agrees, and returns
	// the post's count of likes. Setting what is set changes nothing. CodePostNotFound, CodeUserNotFound.
	SetLike(ctx context.Context, id, user ID, like bool, check func(PostRef) error) (int64, error)

	// AddViews adds to the counts of views, by numbers from 0; posts that are gone
	// are passed over.
	AddViews(ctx context.Context, views map[ID]int64) error

	// Tags returns the tags of published posts, most used first, then by code point;
	// at most limit of them.
	Tags(ctx context.Context, limit int) ([]TagCount, error)

	// Stats returns the overview: statuses and categories by code point.
	Stats(ctx context.Context) (Stats, error)
}

// Comments keeps the comments, and their posts' counts of them.
type Comments interface {
	// Create adds c, whose Author needs only the ID, if check agrees with its post,
	// and makes c what it is as kept. CodePostNotFound, CodeUserNotFound; CodeInvalid
	// with RuleParent if the parent is no living comment of that post.
	Create(ctx context.Context, c *Comment, check func(PostRef) error) error

	// Get returns a comment or a shell, and its post. CodeCommentNotFound.
	Get(ctx context.Context, id ID) (*Comment, PostRef, error)

	// List returns a post's comments, shells among them, in the filter's order;
	// ties are broken by id. An unknown post has none.
	List(ctx context.Context, f CommentFilter) (Listed[*Comment], error)

	// Update changes a living comment's Content and UpdatedAt by change and
	// returns it as it is then. CodeCommentNotFound, also for a shell.
	Update(ctx context.Context, id ID, change func(*Comment, PostRef) error) (*Comment, error)

	// Delete removes a living comment if check agrees. With replies it stays as a
	// shell: Deleted, without content and author, all else as it was. Without, it goes
	// whole, and so does a shell above it that has no other replies, and so on up.
	// CodeCommentNotFound, also for a shell.
	Delete(ctx context.Context, id ID, check func(*Comment, PostRef) error) error
}

// Uploads keeps what is known of the stored images; the bytes are kept elsewhere.
type Uploads interface {
	// Create adds all of them or none, all of one owner. CodeUserNotFound;
	// CodeUploadQuota if the owner's sum of sizes would pass quota (bytes; 0: no bound).
	Create(ctx context.Context, us []Upload, quota int64) error

	// Get returns an upload, also one without an owner. CodeFileNotFound.
	Get(ctx context.Context, filename string) (Upload, error)

	// List returns an owner's uploads, newest first, then by name.
	List(ctx context.Context, f UploadFilter) (Listed[Upload], error)

	// Delete forgets an upload; one that is unknown is CodeFileNotFound.
	Delete(ctx context.Context, filename string) error

	// Ownerless returns up to limit uploads whose owner was deleted, in any order;
	// whoever keeps the bytes removes them and then calls Delete.
	Ownerless(ctx context.Context, limit int) ([]Upload, error)
}

// Sources remembers which file of an import became which post.
type Sources interface {
	// Get returns the post that the author's file became and the digest of
	// the file then. ok is false if it is unknown or the post is gone.
	Get(ctx context.Context, author ID, path string) (post ID, digest string, ok bool, err error)

	// Set notes it, replacing an earlier note. CodePostNotFound, CodeUserNotFound.
	Set(ctx context.Context, author ID, path string, post ID, digest string) error
}
