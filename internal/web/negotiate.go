package web

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// weighted walks the elements of a list header with their q values, which are 1
// if absent (RFC 9110, section 12.4.2). Elements with a broken q are left out.
func weighted(values []string) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, v := range values {
			for element := range strings.SplitSeq(v, ",") {
				name, params, _ := strings.Cut(element, ";")
				q, ok := quality(params)
				if name = strings.TrimSpace(name); name != "" && ok && !yield(name, q) {
					return
				}
			}
		}
	}
}

func quality(params string) (float64, bool) {
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(k, "q") {
			q, err := strconv.ParseFloat(v, 64)
			return q, err == nil && q >= 0 && q <= 1
		}
	}
	return 1, true
}

// primary returns the first subtag of a language range in lower case.
func primary(tag string) string {
	tag, _, _ = strings.Cut(tag, "-")
	return strings.ToLower(tag)
}

// takesGzip reports whether the client accepts gzip (RFC 9110, section 12.5.3).
func takesGzip(h http.Header) bool {
	values := h["Accept-Encoding"]
	if len(values) == 1 && values[0] == "gzip" {
		return true
	}
	any := false
	for name, q := range weighted(values) {
		switch {
		case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
			return q > 0
		case name == "*":
			any = q > 0
		}
	}
	return any
}

// addVary names a request header the answer depends on, once.
func addVary(h http.Header, name string) {
	for _, v := range h["Vary"] {
		for have := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(have), name) {
				return
			}
		}
	}
	h["Vary"] = append(h["Vary"], name)
}
