package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"inkstone/internal/blog"
)

// readBody reads a body of at most that size. Errors: CodeBodyTooLarge,
// CodeBadRequest, CodeBusy.
func readBody(r *http.Request, most int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, min(most, freeBody)+1))
	switch {
	case err != nil:
		return nil, bodyError(err)
	case int64(len(head)) > most:
		return nil, blog.Fail(blog.CodeBodyTooLarge)
	case len(head) <= freeBody:
		return head, nil
	}
	return readLarge(r, head, most)
}

// readLarge reads the rest of a body that goes on after head.
func readLarge(r *http.Request, head []byte, most int64) ([]byte, error) {
	size := r.ContentLength
	if size < 0 {
		size = most
	}
	if err := takeShare(r.Context(), largeBodies, size); err != nil {
		return nil, err
	}
	if paced, ok := r.Body.(*pacedBody); ok {
		paced.rate = largeRate
	}
	body := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	body.Write(head)
	if _, err := body.ReadFrom(io.LimitReader(r.Body, most+1-int64(len(head)))); err != nil {
		return nil, bodyError(err)
	}
	if int64(body.Len()) > most {
		return nil, blog.Fail(blog.CodeBodyTooLarge)
	}
	return body.Bytes(), nil
}

// bodyError says why a body could not be read: too large, or cut off or too slow,
// which is the client's doing.
func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return blog.Wrap(blog.CodeBodyTooLarge, err)
	}
	return blog.Wrap(blog.CodeBadRequest, err)
}
