package web

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"inkstone/internal/blog"
)

// Bounds of a request body, in bytes.
const (
	MaxBody     = 10 << 20
	MaxAuthBody = 64 << 10
)

// Decode reads the body, JSON or a URL-encoded form, into the struct that into
// points at. Its fields are pointers with a json tag: *string, *bool, *[]string,
// any type whose kind is string, or a pointer to such a struct for an object. A field that is absent stays
// nil; null is a wrong type, unless a tag `null:"absent"` says that it is as good as absent.
//
// Errors: CodeBodyTooLarge (over most), CodeBusy (too many large ones at once), CodeUnsupportedMediaType, CodeInvalidJSON,
// CodeInvalid naming every unknown, doubled or wrongly typed field.
func Decode(r *http.Request, most int64, into any) error {
	if r.ContentLength > most {
		return blog.Fail(blog.CodeBodyTooLarge)
	}
	if Packed(r.Header) {
		return blog.Fail(blog.CodeUnsupportedMediaType)
	}
	isForm, known := bodyType(r.Header)
	if !known && r.ContentLength > 0 {
		return blog.Fail(blog.CodeUnsupportedMediaType)
	}
	body, err := readBody(r, most)
	switch {
	case err != nil:
		return err
	case len(body) == 0:
		return nil
	case !known:
		return blog.Fail(blog.CodeUnsupportedMediaType)
	}
	if len(body) >= muchGarbage {
		defer debug.FreeOSMemory() // before anything is made of the values
	}
	if isForm {
		return decodeForm(body, into)
	}
	return decodeJSON(body, into)
}

// Text returns a text that Decode has read; "" if it was absent.
func Text(field *string) string {
	if field == nil {
		return ""
	}
	return *field
}

// Packed reports whether a body is compressed or encoded in another way, and so not read.
func Packed(h http.Header) bool {
	for _, coding := range h["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return true
		}
	}
	return false
}

// bodyType tells a form from JSON; known is false for any other type, and for
// another charset than UTF-8.
func bodyType(h http.Header) (isForm, known bool) {
	values := h["Content-Type"]
	if len(values) != 1 {
		return false, false
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil {
		return false, false
	}
	if c, ok := params["charset"]; ok && !strings.EqualFold(c, "utf-8") {
		return false, false
	}
	isForm = media == "application/x-www-form-urlencoded"
	return isForm, isForm || media == "application/json"
}

// decodeForm reads a form, which has texts and booleans only.
func decodeForm(body []byte, into any) error {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return blog.Wrap(blog.CodeInvalid, err)
	}
	if len(values) > maxKeys {
		return blog.Fail(blog.CodeInvalid)
	}
	b := binder{}
	target := fieldsOf(into)
	for _, name := range sortedKeys(values) {
		text := values[name]
		f, ok := target[name]
		switch {
		case !ok:
			b.problems.Add(shorten(name), blog.RuleUnknown)
		case len(text) > 1:
			b.problems.Add(name, blog.RuleTwice)
		case !blog.CleanText(text[0]):
			b.problems.Add(name, blog.RuleText)
		case !f.setText(text[0]):
			b.problems.Add(name, blog.RuleType)
		}
	}
	return b.problems.Err()
}

// decodeJSON checks the whole text first and binds only what is sound.
func decodeJSON(body []byte, into any) error {
	if !utf8.Valid(body) || !json.Valid(body) {
		return blog.Fail(blog.CodeInvalidJSON)
	}
	s := scanner{data: body}
	members, isObject, err := s.scan()
	if err != nil {
		return err
	}
	if !isObject {
		return blog.Invalid("", blog.RuleObject)
	}
	b := binder{problems: s.problems}
	b.object("", members, into)
	return b.problems.Err()
}
