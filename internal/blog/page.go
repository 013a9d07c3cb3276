package blog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// Bounds of a list's page size.
const (
	DefaultLimit = 10
	MaxLimit     = 100
)

// Page says which part of a list is wanted: the Number-th page (from 1), or what
// follows After when that is set.
type Page struct {
	List   List
	Number int
	Limit  int // 1..MaxLimit
	After  *Cursor
}

// List spells what a list is of and how it is sorted, without the page: equal lists,
// and only those, are spelled alike. A cursor is good only in the list it was taken from.
type List string

// newList spells a list of kind. The parts stand with their lengths, so whatever is in
// them, no others are spelled alike; how many they are must follow from the kind, or end it.
func newList(kind string, parts ...string) List {
	size := len(kind)
	for _, part := range parts {
		size += len(part) + 8
	}
	b := append(make([]byte, 0, size), kind...)
	for _, part := range parts {
		b = strconv.AppendInt(append(b, ' '), int64(len(part)), 10)
		b = append(append(b, ':'), part...)
	}
	return List(b)
}

// Page spells a page of the list: equal pages, and only those, are spelled alike.
func (l List) Page(p Page) string {
	after := ""
	if p.After != nil {
		after = p.After.Encode(p.List)
	}
	return string(l) + " " + strconv.Itoa(p.Number) + " " + strconv.Itoa(p.Limit) + " " + after
}

// digest is what a cursor keeps of its list. A forged one gains nothing, as the filter
// of the request applies again.
func (l List) digest() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l)) // a hash cannot fail
	return fmt.Sprintf("%016x", h.Sum64())
}

// Offset returns how many rows are passed over before the page: none behind a cursor.
// It is bounded: a page so far out that the product would overflow has the largest offset.
func (p Page) Offset() int64 {
	if p.After != nil {
		return 0
	}
	const far = int64(1) << 40
	if int64(p.Number) > far/int64(p.Limit) {
		return far
	}
	return int64(p.Number-1) * int64(p.Limit)
}

// Order is the field a list is sorted by: texts by code point, a zero time before
// all others. Ties are broken by id in the same direction.
type Order struct {
	Field string
	Desc  bool
}

// String returns the order as a client writes it, e.g. "-publishedAt".
func (o Order) String() string {
	if o.Desc {
		return "-" + o.Field
	}
	return o.Field
}

// ParseOrder reads "field" or "-field"; the field must be one of fields, else CodeInvalidSort.
func ParseOrder(s string, fields []string) (Order, error) {
	o := Order{}
	o.Field, o.Desc = strings.CutPrefix(s, "-")
	for _, f := range fields {
		if f == o.Field {
			return o, nil
		}
	}
	return Order{}, &Error{Code: CodeInvalidSort, Fields: []Field{{"sort", RuleSort}}}
}

// Cursor is the place of a document in a sorted list: the value it is sorted by
// and its id. It carries no rights: the filter of the request that uses it
// applies again. Only one of Int and Text is used, by the kind of the sort field.
type Cursor struct {
	Int  int64 // numbers; times by Millis
	Text string
	Tier int // relevance: how good the hit was, see Query
	ID   ID
}

// maxTier is that of the best hits, see Query.
const maxTier = 2

type cursorJSON struct {
	L string `json:"l"`
	I int64  `json:"i,omitempty"`
	T string `json:"t,omitempty"`
	R int    `json:"r,omitempty"`
	D string `json:"d"`
}

// maxCursor bounds an encoded cursor: the longest sort value is an e-mail address
// or a title of 100 characters, which JSON may write as six bytes each.
const maxCursor = 4096

// Encode returns the cursor of a list as URL-safe text.
func (c Cursor) Encode(list List) string {
	b, _ := json.Marshal(cursorJSON{list.digest(), c.Int, c.Text, c.Tier, c.ID.String()}) // strings and ints cannot fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads what Encode wrote for the same list; anything else is
// CodeInvalid for the field "cursor".
func ParseCursor(s string, list List) (*Cursor, error) {
	bad := Invalid("cursor", RuleCursor)
	if len(s) > maxCursor {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, bad
	}
	var j cursorJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, bad
	}
	id, ok := ParseID(j.D)
	if !ok || j.L != list.digest() || !CleanText(j.T) || j.R < 0 || j.R > maxTier {
		return nil, bad
	}
	return &Cursor{Int: j.I, Text: j.T, Tier: j.R, ID: id}, nil
}

// Listed is a part of a list and how many there are in all.
type Listed[T any] struct {
	Items []T
	Total int64
	Next  *Cursor // place of the last item if more follow, else nil
	Bare  *Bare   // the posts come without their contents, see PostFilter.MaxText
}

// Cut ends a list for which one item more than the limit was read if more follow.
func (l *Listed[T]) Cut(limit int, cursor func(T) *Cursor) {
	if len(l.Items) > limit {
		l.Items = l.Items[:limit]
		l.Next = cursor(l.Items[limit-1])
	}
}

// Bare says how many bytes of contents a list came without.
type Bare struct {
	All     int64
	Largest int64
}
