package web

import (
	"bytes"
	"net/http"

	"inkstone/internal/blog"
)

// end is how sure it is where a request ends.
type end int

const (
	sure   end = iota
	unsure     // its head was not seen whole
	twofold
)

// endOf looks whether r tells the end of its body in two ways. Whoever stands before us may have
// gone by the other one, and see another request in what follows (RFC 9112, section 6.1): nothing may
// follow on its connection, and nothing does either where that can't be told. net/http goes by the
// chunks and hides a length, and in HTTP/1.0 by the length and hides the chunks.
func endOf(r *http.Request) end {
	hidden := "\ncontent-length:"
	switch {
	case r.ProtoMajor > 1 || r.ProtoMinor > 0 && len(r.TransferEncoding) == 0:
		return sure
	case r.ProtoMinor == 0:
		hidden = "\ntransfer-encoding:"
	}
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return sure
	}
	head, whole := c.headOf(r)
	switch {
	case !whole:
		return unsure
	case bytes.Contains(head, []byte(hidden)):
		return twofold
	}
	return sure
}

// headOf returns r's head in lower case, its lines ended by LF alone, if net/http has got it by one
// read and not behind something else: only then nothing else can be taken for it.
func (c *conn) headOf(r *http.Request) (head []byte, whole bool) {
	line := []byte(r.Method + " " + r.RequestURI + " HTTP/1.")
	if c.reads != 1 || !bytes.HasPrefix(c.read, line) && !bytes.HasPrefix(c.read, line[1:]) { // the first byte may be what its watch has read
		return nil, false
	}
	text := bytes.ReplaceAll(bytes.ToLower(c.read), []byte("\r\n"), []byte("\n"))
	head, _, whole = bytes.Cut(text, []byte("\n\n"))
	return head, whole
}

// refuseLengths answers a request of two lengths.
func refuseLengths(w http.ResponseWriter, r *http.Request) {
	WriteError(w, r, blog.Fail(blog.CodeBadRequest))
}
