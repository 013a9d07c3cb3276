package config

import (
	"net/url"
	"regexp"
	"strings"
)

const mask = "******"

// shown is a value as people may see it: a secret is hidden, and so is what an address
// holds that could be one, whether it belongs there or not.
func (s setting) shown(value string) string {
	isPath := strings.HasPrefix(value, "sqlite:") && !holdsPassword(value)
	if s.Secret && value != "" && !isPath {
		return mask
	}
	return openly(value)
}

// openly hides the whole of an address with a password, and of others the values of the query.
func openly(value string) string {
	if holdsPassword(value) {
		return mask
	}
	address, query, ok := strings.Cut(value, "?")
	if !ok || query == "" {
		return value
	}
	parts := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, part := range parts {
		if name, _, named := strings.Cut(part, "="); named {
			parts[i] = name + "=" + mask
		} else {
			parts[i] = mask
		}
	}
	return address + "?" + strings.Join(parts, "&")
}

// signIn is who signs in, in an address of a list.
var signIn = regexp.MustCompile(`://[^/?#,\s]*@`)

// holdsPassword reports whether somebody has put a password into an address. One that is no
// address because of a sign in its password holds one, too.
func holdsPassword(value string) bool {
	if signIn.MatchString(value) {
		return true
	}
	u, err := url.Parse(value)
	if err != nil {
		return strings.Contains(value, "@")
	}
	return u.Scheme != "" && u.User != nil
}

// quoted is a text as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// openQuotes hides in a sentence about a value what is hidden of the value itself.
func openQuotes(sentence string) string {
	return quoted.ReplaceAllStringFunc(sentence, func(q string) string { return `"` + openly(q[1:len(q)-1]) + `"` })
}
