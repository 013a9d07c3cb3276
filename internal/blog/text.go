package blog

import (
	"net/mail"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleanText reports whether s can be kept by every database: valid UTF-8 without NUL.
func CleanText(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// Fold returns s without regard to case, for comparing names. It goes by single
// runes (Unicode simple folding), so it never changes the number of characters;
// ß and ss stay different.
func Fold(s string) string { return strings.Map(foldCase, s) }

func foldCase(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

func length(s string) int { return utf8.RuneCountInString(s) }

// validEmail accepts an addr-spec (RFC 5322, section 3.4.1) whose domain has a
// dot, at most 254 bytes (RFC 5321, section 4.5.3.1.3). A display name, a
// comment or angle brackets are refused, and so are domain literals, and quotes
// where none are needed: they would spell one address in two ways.
func validEmail(s string) bool {
	if len(s) > 254 {
		return false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.String() != "<"+s+">" { // String quotes what must be, and only that
		return false
	}
	domain := s[strings.LastIndexByte(s, '@')+1:]
	labels := strings.Split(domain, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.ContainsAny(l, "[]_") {
			return false
		}
	}
	return len(labels) > 1
}

// maxURI bounds a stored address, in bytes.
const maxURI = 2048

func validWebURI(s string) bool {
	if len(s) > maxURI || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (strings.EqualFold(u.Scheme, "http") || strings.EqualFold(u.Scheme, "https")) && u.Hostname() != ""
}

// validImage accepts an http(s) URI, a path below /uploads/ as an upload answers
// it, or nothing.
func validImage(s string) bool {
	if s == "" {
		return true
	}
	if rest, ok := strings.CutPrefix(s, "/uploads/"); ok {
		return len(s) <= maxURI && rest != "" && !strings.Contains(rest, "..") &&
			!strings.ContainsFunc(rest, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' })
	}
	return validWebURI(s)
}
