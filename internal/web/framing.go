package web

import (
	"bytes"
	"net/http"

	"inkstone/internal/blog"
)

// twoLengths reports whether r came with both a Content-Length and chunks. Whoever stands before us
// may have gone by the other one, and see another request in what follows (RFC 9112, section 6.1).
// net/http goes by the chunks and hides the length, so it is looked for in what was read last. A
// head that came in several pieces is not found there: that r ends where its chunks do still holds.
func twoLengths(r *http.Request) bool {
	if len(r.TransferEncoding) == 0 {
		return false
	}
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return false
	}
	begins := bytes.LastIndex(c.read, []byte(r.Method+" "+r.RequestURI+" HTTP/1."))
	if begins < 0 {
		return false
	}
	head, _, whole := bytes.Cut(c.read[begins:], []byte("\r\n\r\n"))
	return whole && bytes.Contains(bytes.ToLower(head), []byte("\r\ncontent-length:"))
}

// refuseLengths answers such a request, the last on its connection.
func refuseLengths(w http.ResponseWriter, r *http.Request) {
	w.Header()["Connection"] = []string{"close"}
	WriteError(w, r, blog.Fail(blog.CodeBadRequest))
}
