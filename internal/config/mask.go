package config

import (
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

// holdsPassword reports whether somebody has put a password into an address, or into something that
// is none because of a sign in the password or because nothing stands before who signs in.
func holdsPassword(value string) bool {
	if signIn.MatchString(value) {
		return true
	}
	if strings.HasPrefix(value, "sqlite:") {
		return false
	}
	before := value[:max(strings.LastIndexByte(value, '@'), 0)]
	return strings.Contains(strings.Replace(before, "://", "", 1), ":")
}

// quoted is a text as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// openQuotes hides in a sentence about a value what is hidden of the value itself.
func openQuotes(sentence string) string {
	return quoted.ReplaceAllStringFunc(sentence, func(q string) string { return `"` + openly(q[1:len(q)-1]) + `"` })
}
