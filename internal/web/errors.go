package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"inkstone/internal/blog"
)

// statusGone is logged when the client left before the answer; it is never sent.
const statusGone = 499

// retryError is a failure that says when to try again.
type retryError struct {
	error
	seconds int
}

func (e retryError) Unwrap() error { return e.error }

// RetryAfter returns err with the Retry-After header it is to be answered with, in seconds.
func RetryAfter(err error, seconds int) error { return retryError{err, max(seconds, 1)} }

// serviceError is a failure of a service that the client is told the name of.
type serviceError struct {
	error
	service string
}

func (e serviceError) Unwrap() error { return e.error }

// Away is an answer that a service (database, uploads, post-service) is not there, because of err.
func Away(service string, err error) error { return Of(service, blog.Wrap(blog.CodeUnavailable, err)) }

// Of is the answer err, which tells the client that it is about a service.
func Of(service string, err error) error { return serviceError{err, service} }

type errorBody struct {
	Error     string            `json:"error"`
	Code      blog.Code         `json:"code"`
	Details   string            `json:"details,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	Path      string            `json:"path,omitempty"`
	Message   string            `json:"message,omitempty"`
	Service   string            `json:"service,omitempty"`
	RequestID string            `json:"requestId"`
}

// WriteError answers with err in the client's language. It is the only writer of
// error bodies; what err wraps goes to the log and never into the body.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	s := stateOf(r)
	e := failure(err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		s.gone = true
		e = &blog.Error{Code: blog.CodeUnavailable} // the client may only have stopped sending: no answer would be an empty 200
	}
	status := codes[e.Code].status
	if status >= http.StatusInternalServerError && !s.gone {
		s.err = err
	}
	s.shed = e.Code == blog.CodeBusy
	h := w.Header()
	if s.shed && s.inner {
		h[BusyHeader] = []string{"1"}
	}
	header(h, e.Code, err)
	body := encodeError(r, e, err, s.id)
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	switch {
	case r.Method == http.MethodHead:
		w.WriteHeader(status)
	case r.ContentLength == 0:
		send(w, r, status, body)
	default: // net/http waits for a body that was not read before it sends
		w.WriteHeader(status)
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
}

// failure finds the coded failure in err. Without one, a deadline means that a
// dependency is away, and everything else is internal.
func failure(err error) *blog.Error {
	if e, ok := errors.AsType[*blog.Error](err); ok {
		if _, known := codes[e.Code]; known {
			return e
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &blog.Error{Code: blog.CodeUnavailable, Err: err}
	}
	return &blog.Error{Code: blog.CodeInternal, Err: err}
}

func header(h http.Header, code blog.Code, err error) {
	for _, name := range [...]string{"Etag", "Content-Encoding", "Last-Modified", "Content-Disposition"} {
		delete(h, name)
	}
	h["Content-Type"] = jsonType
	h["Cache-Control"] = privateCache
	addVary(h, "Accept-Language")
	if again, ok := errors.AsType[retryError](err); ok {
		h["Retry-After"] = []string{strconv.Itoa(again.seconds)}
	} else if codes[code].status == http.StatusServiceUnavailable || code == blog.CodeStorageFull {
		h["Retry-After"] = []string{"1"}
	}
	if codes[code].status == http.StatusUnauthorized && code != blog.CodeBadCredentials {
		h["Www-Authenticate"] = []string{"Bearer"} // RFC 9110, section 11.6.1
	}
}

// encodeError writes the body for e, which was found in err.
func encodeError(r *http.Request, e *blog.Error, err error, id string) []byte {
	lang := language(r)
	words := codes[e.Code]
	body := errorBody{Error: pick(lang, words.zh, words.en), Code: e.Code, RequestID: id}
	switch {
	case e.Code == blog.CodeRouteNotFound:
		body.Path = sentPath(r)
	case e.Code == blog.CodeBadGateway:
		body.Message = upstreamFailed[lang]
	case words.status >= http.StatusInternalServerError && e.Code != blog.CodeBusy:
		body.Message = retryLater[lang]
	}
	if away, ok := errors.AsType[serviceError](err); ok {
		body.Service = away.service
	}
	body.Details, body.Fields = fieldWords(e.Fields, lang)
	return body.appendJSON(nil)
}

// maxFields bounds how many broken fields are told.
const maxFields = 100

// fieldWords returns the first field's message and, if there are several fields, all of them.
func fieldWords(fields []blog.Field, lang int) (first string, all map[string]string) {
	if len(fields) == 0 {
		return "", nil
	}
	first = fieldMessage(fields[0], lang)
	all = make(map[string]string, min(len(fields), maxFields))
	for _, f := range fields[:min(len(fields), maxFields)] {
		if _, ok := all[f.Name]; !ok && f.Name != "" {
			all[f.Name] = fieldMessage(f, lang)
		}
	}
	return first, all
}

func fieldMessage(f blog.Field, lang int) string {
	words := rules[f.Rule][lang]
	if named[f.Rule] {
		return words + ": " + f.Name
	}
	return words
}

func pick(lang int, zh, en string) string { return [2]string{zh, en}[lang] }

// language returns 0 for Chinese, the default, and 1 for English: what the client
// prefers by Accept-Language (RFC 9110, section 12.5.4). Of equals, the first named wins.
func language(r *http.Request) int {
	best, lang := 0.0, 0
	for tag, q := range weighted(r.Header["Accept-Language"]) {
		if q <= best {
			continue
		}
		switch primary(tag) {
		case "en":
			best, lang = q, 1
		case "zh", "*":
			best, lang = q, 0
		}
	}
	return lang
}

// methods lists the methods the Mux probes for Allow, in the order they are told.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
