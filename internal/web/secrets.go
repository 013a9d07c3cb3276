package web

import (
	"net/http"
	"regexp"
	"strings"
)

// loggedURL is path and query as sent without what is, or could be, a secret: a form that is
// sent by GET by mistake has its password there.
func loggedURL(r *http.Request) string { return loggedText(sentPath(r)) }

// loggedText is a text of a client's without what is, or could be, a secret. What anybody may
// write anywhere, as words to search for, can't be told from one.
func loggedText(text string) string {
	if !strings.ContainsAny(text, "=:%") && !strings.Contains(text, "eyJ") && !strings.Contains(strings.ToLower(text), "bearer ") {
		return text
	}
	text = secretToken.ReplaceAllString(text, "***")
	return secretPair.ReplaceAllString(text, "$1$2***")
}

var (
	// secretToken matches a JWT, and what follows the word Bearer or Basic.
	secretToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}|(?i:bearer|basic)(?:[ :+]|%20)+[^\s&;"]+`)

	// secretPair matches a secret by what it is called, and any name that could be one in another
	// spelling; = and : may be percent-encoded.
	// Some clients separate by semicolons; what follows one may still be of the secret.
	secretPair = regexp.MustCompile(`(?i)((?:^|[?&;/#, "=]|%26|%3f|%2f|%3d)(?:` +
		`[^?&;/#=:, "]*(?:token|jwt|authoriz|authent|oauth|passw|passphrase|pwd|secret|credential|session|cookie|signature|csrf|xsrf|saml|assertion|api[_-]?key|private|密码|口令|令牌)[^?&;/#=:, "]*` +
		`|auth|pass|pin|otp|key|sig|sid|code|ticket|bearer` +
		`|[^?&;/#=:, "]*(?:%|[^\x00-\x7f])[^?&;/#=:, "]*` +
		`))(=|:|%3d|%3a)[^&\s"]*`)
)
