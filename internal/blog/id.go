package blog

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// ID names a document: 12 bytes in the layout of a MongoDB ObjectID (4 bytes of
// Unix seconds, 5 random bytes per process, a 3 byte counter), so ids sort by
// the second they were made in and never need a database to be unique. The zero
// ID means "none".
//
// Source: https://www.mongodb.com/docs/manual/reference/bson-types/#objectid
type ID [12]byte

var (
	idProcess [5]byte
	idCounter atomic.Uint32
)

func init() {
	var start [4]byte
	_, _ = rand.Read(start[:]) // never fails: crypto/rand ends the program instead
	_, _ = rand.Read(idProcess[:])
	idCounter.Store(binary.BigEndian.Uint32(start[:]))
}

// NewID makes an ID for a document created at now.
func NewID(now time.Time) ID {
	var id ID
	binary.BigEndian.PutUint32(id[:4], uint32(now.Unix()))
	copy(id[4:9], idProcess[:])
	n := idCounter.Add(1)
	id[9], id[10], id[11] = byte(n>>16), byte(n>>8), byte(n)
	return id
}

// ParseID reads 24 lower-case hex digits; ok is false for anything else, and for
// the zero ID, which names nothing.
func ParseID(s string) (id ID, ok bool) {
	if len(s) != 2*len(id) {
		return ID{}, false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ID{}, false
		}
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil && !id.IsZero()
}

// IsZero reports whether id is the zero ID.
func (id ID) IsZero() bool { return id == ID{} }

// Time returns the second the id was made in.
func (id ID) Time() time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32(id[:4])), 0).UTC()
}

// String returns the 24 hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// AppendText implements encoding.TextAppender.
func (id ID) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, id[:]), nil }

// MarshalText implements encoding.TextMarshaler, so an ID is its hex digits in JSON.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(nil) }
