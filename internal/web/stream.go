package web

import (
	"iter"
	"net/http"
	"runtime/debug"
)

// WriteList answers with a list whose posts are too large to be in memory
// together: one after the other, without ETag and length, for no cache to keep. largest
// is the size of the largest of their contents. An error in place of the first post is
// returned; after that, an error cuts the answer off, so that it can't be taken for a
// whole one. CodeBusy as from Write.
func WriteList(w http.ResponseWriter, r *http.Request, posts iter.Seq2[Post, error], largest int64, p Pagination) error {
	if err := Reserve(r.Context(), max(largest, FreeText+1)); err != nil { // small ones want a share too: they are many
		return err
	}
	hurry(w)
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = jsonType, privateCache
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	piece := []byte(`{"posts":[`)
	begun := false
	for post, err := range posts {
		switch {
		case err != nil && !begun:
			return err
		case err != nil:
			panic(http.ErrAbortHandler)
		case begun:
			piece = append(piece[:0], ',')
		}
		begun = true
		piece = post.appendJSON(piece)
		if _, err := w.Write(piece); err != nil {
			return nil // the client is gone
		}
		if len(piece) >= muchGarbage {
			debug.FreeOSMemory() // one post's before the next one is read
		}
	}
	_, _ = w.Write(append(appendAny([]byte(`],"pagination":`), p), '}'))
	return nil
}
