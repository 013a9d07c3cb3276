package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

// field is a header or trailer line. Its name is in canonical form.
type field struct{ name, value string }

// head is what an answer begins with.
type head struct {
	status int
	fields []field
	old    bool  // HTTP/1.0
	length int64 // of the body by Content-Length; -1 if none is told
	chunks bool  // the body comes in chunks
	last   bool  // no other exchange follows on the connection
}

// scratch is what reading an answer takes.
type scratch struct {
	in    *bufio.Reader
	text  []byte
	spare []field
}

// readBuffer holds an answer of usual size, in bytes.
const readBuffer = 4 << 10

var scratches = sync.Pool{New: func() any { return &scratch{in: bufio.NewReaderSize(nil, readBuffer)} }}

// What a scratch keeps for heads at most: larger ones are rare.
const (
	keptText   = 16 << 10 // bytes
	keptFields = 256
)

func (s *scratch) free() {
	s.in.Reset(nil)
	if cap(s.text) > keptText || cap(s.spare) > keptFields {
		return
	}
	clear(s.spare[:cap(s.spare)])
	scratches.Put(s)
}

// lines reads as far as an empty line, most bytes at most, and returns what is before
// it. All lines end in CRLF.
func (s *scratch) lines(most int) (string, error) {
	s.text = s.text[:0]
	fresh := true // a line begins
	for {
		part, err := s.in.ReadSlice('\n')
		if len(s.text)+len(part) > most {
			return "", fmt.Errorf("%w: it is too large", errBroken)
		}
		s.text = append(s.text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			fresh = false
			continue
		case err != nil:
			return "", unexpected(err)
		case fresh && string(part) == "\r\n":
			return string(s.text[:len(s.text)-2]), nil
		}
		fresh = true
	}
}

func malformed(what string) error { return fmt.Errorf("%w: malformed %s", errBroken, what) }

// parseHead reads the head of an answer, without the empty line after it. It takes less than
// RFC 9112 allows: what has two readings has none here. fields is where to put them.
func parseHead(text string, fields []field) (head, error) {
	h := head{length: -1}
	line, rest, ok := strings.Cut(text, "\r\n")
	if !ok || !h.parseStatus(line) {
		return h, malformed("status line")
	}
	var err error
	if h.fields, err = parseFields(rest, fields); err != nil {
		return h, err
	}
	return h, h.frame()
}

func (h *head) parseStatus(line string) bool {
	proto, status, ok := strings.Cut(line, " ")
	if !ok || proto != "HTTP/1.1" && proto != "HTTP/1.0" {
		return false
	}
	h.old = proto == "HTTP/1.0"
	code, reason, _ := strings.Cut(status, " ")
	if len(code) != 3 || code[0] < '1' || code[0] > '5' || !allDigits(code) {
		return false
	}
	h.status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return validValue(reason)
}

// parseFields appends the fields in text, whose lines all end in CRLF, to fields.
func parseFields(text string, fields []field) ([]field, error) {
	for text != "" {
		line, rest, ok := strings.Cut(text, "\r\n")
		name, value, colon := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !colon || !isToken(name) || !validValue(value) { // a folded line begins with a blank
			return fields, malformed("field")
		}
		fields = append(fields, field{canonical(name), value})
		text = rest
	}
	return fields, nil
}

// frame finds out how the body is framed.
func (h *head) frame() error {
	coded := false
	for _, f := range h.fields {
		switch f.name {
		case "Content-Length":
			if h.length >= 0 || !h.parseLength(f.value) {
				return malformed("Content-Length")
			}
		case "Transfer-Encoding":
			if coded || h.old || !strings.EqualFold(f.value, "chunked") {
				return malformed("Transfer-Encoding")
			}
			coded = true
		case "Connection":
			h.last = h.last || hasToken(f.value, "close")
		}
	}
	if coded && h.length >= 0 {
		return fmt.Errorf("%w: two lengths", errBroken)
	}
	h.chunks = coded
	h.last = h.last || h.old
	return nil
}

func (h *head) parseLength(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	h.length = n
	return err == nil && allDigits(text)
}

// bodiless reports whether no body follows the answer to a request by method.
func (h *head) bodiless(method string) bool {
	return method == "HEAD" || h.status < 200 || h.status == 204 || h.status == 304
}

// get returns the first value of a field, whose name is in canonical form, or "".
func (h *head) get(name string) string {
	for _, f := range h.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// canonical is name as http.Header has it. It is a part of name where it can be.
func canonical(name string) string {
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' || !upper && 'A' <= c && c <= 'Z' {
			return textproto.CanonicalMIMEHeaderKey(name)
		}
		upper = c == '-'
	}
	return name
}

// hasToken reports whether list, of values between commas, has token, in whatever case.
func hasToken(list, token string) bool {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ",")
		if strings.EqualFold(strings.Trim(one, " \t"), token) {
			return true
		}
	}
	return false
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// validValue reports whether a value is of one line and has no control characters.
func validValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// tokens are the bytes a name may have (RFC 9110, section 5.6.2).
var tokens = func() (is [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		is[c] = true
	}
	return is
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !tokens[s[i]] {
			return false
		}
	}
	return s != ""
}
