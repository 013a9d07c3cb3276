package web

import (
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"inkstone/internal/blog"
)

// Posts and errors write themselves, byte for byte as encoding/json would: its reflection
// was a third of what a list from the database cost, and in overload most answers are
// errors. Everything else is left to it.

// appender is a body that writes itself.
type appender interface {
	appendJSON(b []byte) []byte
}

func (a PostAnswer) appendJSON(b []byte) []byte {
	b = append(slices.Grow(b, a.Post.size()), '{')
	if a.Message != "" {
		b = append(appendString(append(b, `"message":`...), a.Message), ',')
	}
	return append(a.Post.appendJSON(append(b, `"post":`...)), '}')
}

func (l PostList) appendJSON(b []byte) []byte {
	size := 256
	for i := range l.Posts {
		size += l.Posts[i].size()
	}
	b = append(slices.Grow(b, size), `{"posts":[`...)
	for i := range l.Posts {
		if i > 0 {
			b = append(b, ',')
		}
		b = l.Posts[i].appendJSON(b)
	}
	return append(appendAny(append(b, `],"pagination":`...), l.Pagination), '}')
}

// size guesses the bytes of p.
func (p *Post) size() int {
	text := len(p.Title) + len(p.Content) + len(p.Excerpt)
	return 1<<10 + text + text/32 // what is escaped: line ends, quotes
}

func (p *Post) appendJSON(b []byte) []byte {
	b = appendID(append(b, `{"_id":`...), p.ID0)
	b = appendID(append(b, `,"id":`...), p.ID)
	b = appendText(append(b, `,"title":`...), p.Title)
	b = appendText(append(b, `,"content":`...), p.Content)
	b = appendText(append(b, `,"excerpt":`...), p.Excerpt)
	b = p.Author.appendJSON(append(b, `,"author":`...))
	b = appendText(append(b, `,"category":`...), p.Category)
	b = appendTexts(append(b, `,"tags":`...), p.Tags)
	b = appendText(append(b, `,"coverImage":`...), p.CoverImage)
	b = appendText(append(b, `,"status":`...), string(p.Status))
	b = strconv.AppendInt(append(b, `,"viewCount":`...), p.ViewCount, 10)
	b = strconv.AppendInt(append(b, `,"likeCount":`...), p.LikeCount, 10)
	b = strconv.AppendInt(append(b, `,"commentCount":`...), p.CommentCount, 10)
	if !p.PublishedAt.IsZero() {
		b = appendTime(append(b, `,"publishedAt":`...), p.PublishedAt)
	}
	b = appendTime(append(b, `,"createdAt":`...), p.CreatedAt)
	b = appendTime(append(b, `,"updatedAt":`...), p.UpdatedAt)
	if p.Comments != nil {
		b = appendComments(append(b, `,"comments":`...), *p.Comments)
	}
	if p.Liked != nil {
		b = strconv.AppendBool(append(b, `,"liked":`...), *p.Liked)
	}
	return append(b, '}')
}

func (a *Author) appendJSON(b []byte) []byte {
	b = appendID(append(b, `{"_id":`...), a.ID0)
	b = appendID(append(b, `,"id":`...), a.ID)
	b = appendText(append(b, `,"username":`...), a.Username)
	b = appendText(append(b, `,"avatar":`...), a.Avatar)
	if a.FullName != nil {
		b = appendText(append(b, `,"fullName":`...), *a.FullName)
	}
	if p := a.Profile; p != nil {
		b = appendText(append(b, `,"profile":{"firstName":`...), p.FirstName)
		b = appendText(append(b, `,"lastName":`...), p.LastName)
		b = appendText(append(b, `,"bio":`...), p.Bio)
		b = appendText(append(b, `,"website":`...), p.Website)
		b = append(appendText(append(b, `,"location":`...), p.Location), '}')
	}
	return append(b, '}')
}

func (e errorBody) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"error":`...), e.Error)
	b = appendString(append(b, `,"code":`...), string(e.Code))
	if e.Details != "" {
		b = appendString(append(b, `,"details":`...), e.Details)
	}
	if len(e.Fields) > 0 {
		b = appendAny(append(b, `,"fields":`...), e.Fields)
	}
	if e.Path != "" {
		b = appendString(append(b, `,"path":`...), e.Path)
	}
	if e.Message != "" {
		b = appendString(append(b, `,"message":`...), e.Message)
	}
	if e.Service != "" {
		b = appendString(append(b, `,"service":`...), e.Service)
	}
	return append(appendString(append(b, `,"requestId":`...), e.RequestID), '}')
}

func appendTexts(b []byte, list []string) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func appendComments(b []byte, list []Comment) []byte {
	if list != nil && len(list) == 0 { // most posts have none
		return append(b, "[]"...)
	}
	return appendAny(b, list)
}

func appendID(b []byte, id blog.ID) []byte {
	return append(hex.AppendEncode(append(b, '"'), id[:]), '"')
}

func appendTime(b []byte, t Time) []byte {
	return append(blog.AppendTime(append(b, '"'), time.Time(t)), '"')
}

// appendString is appendText for what a client may have sent, encoded as he likes.
func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		return appendAny(b, s)
	}
	return appendText(b, s)
}

// appendText writes valid UTF-8, as all texts are that a store keeps (blog.CleanText): to
// look whether a post is took as long as all the rest of writing it. It leaves to
// encoding/json what holds more than plain characters, quotes, and what stands for line
// ends and tabs.
func appendText(b []byte, s string) []byte {
	whole, text := len(b), s
	b = append(b, '"')
	for {
		n := plainLength(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return append(b, '"')
		}
		switch c := s[n]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			return appendAny(b[:whole], text)
		}
		s = s[n+1:]
	}
}

// plainLength is the length of the part at the front of s that stands for itself in JSON:
// up to a control character, a quote, a backslash, or U+2028 or U+2029, which
// encoding/json escapes.
func plainLength(s string) int {
	i := 0
	for i+8 <= len(s) {
		special := specials(eight(s[i:]))
		if special == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(special) / 8
		if s[i] != leadOfLineEnds || endsLine(s[i:]) {
			return i
		}
		i++
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == leadOfLineEnds && endsLine(s[i:]) {
			return i
		}
	}
	return i
}

// leadOfLineEnds is the first byte of U+2028 and U+2029, and of much punctuation.
const leadOfLineEnds = 0xE2

// eight is the first eight bytes of s.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// specials has the top bit of the first of eight bytes that is below ' ', or '"', '\\' or
// leadOfLineEnds; bits above that mean nothing. It is the arithmetic of "Determine if a
// word has a byte less than n" and "a zero byte" in Anderson, Bit Twiddling Hacks.
func specials(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, slash, line := w^ones*'"', w^ones*'\\', w^ones*leadOfLineEnds
	return ((w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash | (line-ones)&^line) & tops
}

// endsLine reports whether s begins with a character that JavaScript once took for a line end.
func endsLine(s string) bool {
	return strings.HasPrefix(s, "\u2028") || strings.HasPrefix(s, "\u2029")
}

// appendAny appends v, of a type that encoding/json cannot fail to write.
func appendAny(b []byte, v any) []byte {
	w := buffer(b)
	enc := json.NewEncoder(&w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return w[:len(w)-1] // without the line end
}

// buffer is a []byte as an io.Writer.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
