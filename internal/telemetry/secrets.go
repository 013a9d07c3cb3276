package telemetry

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// withoutSecrets is a text of a client's without what is, or could be, a secret: what follows a
// name like one, or the name of a scheme of authorization, and JSON Web Tokens. A form that is sent by
// GET by mistake has its password in the address. What anybody may write anywhere, as words to search
// for, can't be told from one.
func withoutSecrets(text string) string {
	var out strings.Builder
	kept, name := 0, 0 // where what is not written yet begins, and where a name does
	last := byte(0)    // the delimiter before that
	mask := func(from, to int) {
		out.WriteString(text[kept:from])
		out.WriteString("***")
		kept, name = to, to
	}
	for i := 0; i < len(text); {
		if !stops[text[i]] {
			i++
			continue
		}
		if end := jwtEnd(text[i:]); end > 0 {
			mask(i, i+end)
			i += end
			continue
		}
		c, n := delimiter(text[i:])
		if c == 0 {
			i++
			continue
		}
		secret := introduces(text[:i], text[name:i], c) || (c == ':' || c == '/' && last == '/' && name == i) && signsIn(text[i+n:])
		i += n
		name, last = i, c
		if !secret {
			continue
		}
		from := i + gap(text[i:])
		i = from + value(text[from:])
		mask(from, i)
	}
	if kept == 0 {
		return text
	}
	out.WriteString(text[kept:])
	return out.String()
}

// jwtEnd returns the length of the JSON Web Token that s begins with, or as much as is there
// of it; 0 if there is none.
func jwtEnd(s string) int {
	if len(s) < 11 || s[0] != 'e' || s[1] != 'y' || s[2] != 'J' {
		return 0
	}
	n, dots := 3, 0
	for ; n < len(s); n++ {
		switch c := s[n]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		case c == '.' && dots < 2 && n >= 11:
			dots++
		default:
			if n < 11 {
				return 0
			}
			return n
		}
	}
	return n
}

// delimiters end a name, and another begins. A colon separates a name from its value, too; some
// clients separate by semicolons.
const delimiters = "?&;/#=:, +\t\r\n"

var isDelimiter = func() (is [256]bool) {
	for _, c := range []byte(delimiters) {
		is[c] = true
	}
	return is
}()

// stops are the bytes at which something may begin: a delimiter, spelled in one way or another, or a
// JSON Web Token.
var stops = func() (stops [256]bool) {
	stops = isDelimiter
	stops['%'], stops['e'] = true, true
	return stops
}()

// delimiter returns the delimiter that s begins with, and its length: it may be percent-encoded,
// more than once. Of anything else it returns 0, and 1.
func delimiter(s string) (c byte, n int) {
	if s[0] != '%' {
		if isDelimiter[s[0]] {
			return s[0], 1
		}
		return 0, 1
	}
	n = 1
	for strings.HasPrefix(s[n:], "25") {
		n += 2
	}
	if len(s) < n+2 {
		return 0, 1
	}
	if c = unhex(s[n])<<4 | unhex(s[n+1]); !isDelimiter[c] {
		return 0, 1
	}
	return c, n + 2
}

// unhex returns what a hexadecimal digit is worth; of anything else a number that makes no delimiter.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// introduces reports whether a secret may follow a text, the name at its end, and the delimiter
// behind that.
func introduces(text, name string, c byte) bool {
	switch c {
	case '=', ':':
		return secretName(name) || endsInScheme(text)
	case ' ', '\t', '+':
		return endsInScheme(text)
	}
	return false
}

// signsIn reports whether a text begins with who signs in to an address, or his password, and the @
// behind it. Neither is looked for beyond 128 bytes.
func signsIn(text string) bool {
	text = text[:min(len(text), 128)]
	if n := strings.IndexAny(text, "/?#& \t"); n >= 0 {
		text = text[:n]
	}
	return strings.Contains(text, "@") || strings.Contains(text, "%40") || strings.Contains(text, "%2540")
}

// endsInScheme reports whether a text ends with the name of a scheme of authorization.
func endsInScheme(text string) bool {
	for _, scheme := range []string{"bearer", "basic"} {
		if n := len(text) - len(scheme); n >= 0 && strings.EqualFold(text[n:], scheme) {
			return true
		}
	}
	return false
}

// secretWords are what the names of secrets have in them, secretNames their last words.
var (
	secretWords = []string{"token", "jwt", "authoriz", "authent", "oauth", "passw", "passphrase", "pwd", "secret", "credential", "session", "cookie", "signature",
		"csrf", "xsrf", "saml", "assertion", "apikey", "passcode", "private"}
	secretNames = []string{"auth", "pass", "pin", "otp", "key", "sig", "sid", "code", "ticket"}
)

// wordsBy has the words by their first letters: nearly every address has a name to look through.
var wordsBy = func() (by [utf8.RuneSelf][]string) {
	for _, word := range secretWords {
		by[word[0]] = append(by[word[0]], word)
	}
	return by
}()

// secretName reports whether a name is that of a secret, or could be in another spelling.
func secretName(name string) bool {
	if strings.IndexFunc(name, func(r rune) bool { return r == '%' || r >= utf8.RuneSelf }) >= 0 {
		return true
	}
	lower := strings.ToLower(name)
	for i := range len(lower) {
		for _, word := range wordsBy[lower[i]] {
			if strings.HasPrefix(lower[i:], word) {
				return true
			}
		}
	}
	return slices.Contains(secretNames, strings.ToLower(lastWord(name)))
}

// lastWord returns the last word of a name like user[pass], db_pass, dbPass or "pass".
func lastWord(name string) string {
	name = strings.TrimRightFunc(name, func(r rune) bool { return !isWord(byte(r)) })
	for i := len(name) - 1; i > 0; i-- {
		begins := name[i] >= 'A' && name[i] <= 'Z' && name[i-1] >= 'a'
		if begins || !isWord(name[i-1]) {
			return name[i:]
		}
	}
	return name
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// gap returns how much is between a name and its value.
func gap(s string) (n int) {
	for n < len(s) {
		c, more := delimiter(s[n:])
		if c != ' ' && c != '\t' && c != ':' && c != '+' && s[n] != '"' && s[n] != '\'' {
			return n
		}
		n += more
	}
	return n
}

// value returns how long a value is. What follows a semicolon or a quotation mark may still be of it.
func value(s string) int {
	if n := strings.IndexAny(s, "& \t\r\n"); n >= 0 {
		return n
	}
	return len(s)
}
