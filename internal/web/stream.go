package web

import (
	"iter"
	"net/http"
)

// streamShare is what one post on its way takes of allAnswers: its text and its JSON.
const streamShare = allAnswers / 2

// WriteList answers with a list whose posts are too large to be in memory
// together: one after the other, without ETag and length, and kept by nobody. An
// error that comes instead of the first post is returned; behind it the answer is
// cut off, so that it can't be taken for a whole one. CodeBusy as of Write.
func WriteList(w http.ResponseWriter, r *http.Request, posts iter.Seq2[Post, error], p Pagination) error {
	if err := takeShare(r.Context(), largeAnswers, streamShare); err != nil {
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
	}
	_, _ = w.Write(append(appendAny([]byte(`],"pagination":`), p), '}'))
	return nil
}
