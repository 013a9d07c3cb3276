package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"inkstone/internal/blog"
)

// Query reads a request's known query parameters and collects what is wrong with
// them. A known one given twice, as x[] or as x[$op] is wrong; unknown ones are ignored.
type Query struct {
	values   map[string]string
	problems blog.Problems
	broken   bool // the query is not URL-encoded text
}

// ReadQuery reads the parameters of the given names.
func ReadQuery(r *http.Request, known ...string) *Query {
	q := &Query{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair != "" {
			q.read(pair, known)
		}
	}
	return q
}

func (q *Query) read(pair string, known []string) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err1 := url.QueryUnescape(rawName)
	value, err2 := url.QueryUnescape(rawValue)
	if err1 != nil || err2 != nil {
		q.broken = true
		return
	}
	base, _, indexed := strings.Cut(name, "[")
	if !slices.Contains(known, base) {
		return
	}
	_, given := q.values[base]
	switch {
	case indexed || given:
		q.failOnce(base, blog.RuleTwice)
	case !blog.CleanText(value):
		q.failOnce(base, blog.RuleText)
	}
	if q.values == nil {
		q.values = make(map[string]string, len(known))
	}
	if !given && !indexed {
		q.values[base] = value
	}
}

func (q *Query) failOnce(name string, rule blog.Rule) {
	if !slices.Contains(q.problems, blog.Field{Name: name, Rule: rule}) {
		q.Fail(name, rule)
	}
}

// String returns a parameter; "" if absent or empty.
func (q *Query) String(name string) string { return q.values[name] }

// ID returns a parameter that is an id; zero if absent or empty. RuleID.
func (q *Query) ID(name string) blog.ID {
	text := q.values[name]
	id, ok := blog.ParseID(text)
	if !ok && text != "" {
		q.Fail(name, blog.RuleID)
	}
	return id
}

// Bool returns a parameter that is true or false; nil if absent or empty. RuleQuery.
func (q *Query) Bool(name string) *bool {
	switch text := q.values[name]; text {
	case "true", "false":
		return new(text == "true")
	case "":
		return nil
	}
	q.Fail(name, blog.RuleQuery)
	return nil
}

// Time returns a parameter that is an RFC 3339 time or a date (UTC); a date
// means its first millisecond, or its last if endOfDay. Zero if absent or empty,
// and only then. RuleDate.
func (q *Query) Time(name string, endOfDay bool) time.Time {
	text := q.values[name]
	if text == "" {
		return time.Time{}
	}
	t, err := parseTime(text, endOfDay)
	if err != nil || t.Year() < 0 || t.Year() > 9999 {
		q.Fail(name, blog.RuleDate)
		return time.Time{}
	}
	if t.IsZero() { // which would say that nothing was given
		t = t.Add(time.Nanosecond)
	}
	return t
}

func parseTime(text string, endOfDay bool) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		if endOfDay {
			t = t.AddDate(0, 0, 1).Add(-time.Millisecond)
		}
		return t, nil
	}
	// A plus sign that was not encoded has become a blank; no time has one.
	t, err := time.Parse(time.RFC3339, strings.Replace(text, " ", "+", 1))
	return t.UTC(), err
}

// Order reads "sort", which must be one of fields; byDefault if absent. CodeInvalidSort.
func (q *Query) Order(fields []string, byDefault string) blog.Order {
	text := q.values["sort"]
	if text == "" {
		text = byDefault
	}
	o, err := blog.ParseOrder(text, fields)
	if err != nil {
		q.Fail("sort", blog.RuleSort)
	}
	return o
}

// Page reads "page", "limit" and "cursor" of a list. page and limit must be whole
// decimal numbers, page from 1; limit is clamped to 1..blog.MaxLimit. A cursor wins
// over a page. RulePage, RuleLimit, RuleCursor.
func (q *Query) Page(list blog.List) blog.Page {
	p := blog.Page{
		List:   list,
		Number: q.number("page", 1, blog.RulePage),
		Limit:  q.Clamped("limit", blog.DefaultLimit, 1, blog.MaxLimit, blog.RuleLimit),
	}
	if p.Number < 1 {
		q.failOnce("page", blog.RulePage)
		p.Number = 1
	}
	if text := q.values["cursor"]; text != "" {
		after, err := blog.ParseCursor(text, list)
		if err != nil {
			q.Fail("cursor", blog.RuleCursor)
		}
		p.After = after
	}
	return p
}

// Clamped returns a parameter that is a whole decimal number, brought to least..most; byDefault if
// absent. rule if it is something else.
func (q *Query) Clamped(name string, byDefault, least, most int, rule blog.Rule) int {
	return min(max(q.number(name, byDefault, rule), least), most)
}

// number reads decimal digits, perhaps with a minus; a number of more than 31 bits
// counts as the greatest of these.
func (q *Query) number(name string, byDefault int, rule blog.Rule) int {
	text, given := q.values[name]
	if !given {
		return byDefault
	}
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		q.Fail(name, rule)
		return byDefault
	}
	const greatest = 1<<31 - 1
	n, err := strconv.Atoi(digits)
	if err != nil {
		n = greatest
	}
	if n = min(n, greatest); negative {
		return -n
	}
	return n
}

// Fail notes a problem of a parameter.
func (q *Query) Fail(name string, rule blog.Rule) { q.problems.Add(name, rule) }

// Err returns what was wrong: CodeInvalidSort if only the order was, else CodeInvalid, or nil.
func (q *Query) Err() error {
	if q.broken {
		return &blog.Error{Code: blog.CodeInvalid, Fields: q.problems}
	}
	for _, f := range q.problems {
		if f.Rule != blog.RuleSort {
			return q.problems.Err()
		}
	}
	if len(q.problems) > 0 {
		return &blog.Error{Code: blog.CodeInvalidSort, Fields: q.problems}
	}
	return nil
}

// PathID returns the id in a request's path; one of another form is not found.
func PathID(r *http.Request, notFound blog.Code) (blog.ID, error) {
	id, ok := blog.ParseID(r.PathValue("id"))
	if !ok {
		return id, blog.Fail(notFound)
	}
	return id, nil
}
