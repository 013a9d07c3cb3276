package telemetry

import (
	"net/netip"
	"regexp"
	"strings"
)

// masks are for what is masked in a text that leaves the site: what is, or may be, personal or a
// secret. The order matters: what comes first is what is made of what follows.
var masks = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*`), "[token]"},
	{regexp.MustCompile(`(?i)\b(bearer|basic)[ :=]+[A-Za-z0-9._~+/=-]+`), "$1 [token]"},
	{regexp.MustCompile(`://[^/\s"']*@`), "://[credentials]@"},
	{regexp.MustCompile(`(?i)\b([a-z0-9_.-]*(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|cookie|dsn)[a-z0-9_-]*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,]+)`), "$1[secret]"},
	{regexp.MustCompile(`Key \(([^)]*)\)=\(.*?\)( already| is|$)`), "Key ($1)=([value])$2"}, // PostgreSQL
	{regexp.MustCompile("`user=[^`]*`"), "`user=[name] database=[name]`"},                   // pgx
	{regexp.MustCompile(`\b(postgres(?:ql)?://[^/\s"']*/)[^?\s"',` + "`" + `]+`), "$1[name]"},
	{regexp.MustCompile(`(?i)\b(user|username|database|dbname)(["']?\s*=\s*|["']\s*:\s*)("[^"]*"|'[^']*'|[^\s&;,)` + "`" + `]+)`), "$1$2[name]"},
	{regexp.MustCompile(`(?i)((?:user|role|database)\s+\\?|(?:用户|角色|数据库)\s*\\?)["“][^"”\\]*(\\?)["”]`), `$1"[name]$2"`}, // PostgreSQL in English and Chinese
	{regexp.MustCompile(`(?i)\b(no such (?:user|database):|permission denied for database) \S+`), "$1 [name]"},          // PgBouncer; PostgreSQL
	{regexp.MustCompile(`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+`), "[email]"},
}

var (
	addressLike = regexp.MustCompile(`\[?[0-9A-Fa-f]*(?:[:.][0-9A-Fa-f]*){2,}\]?(?::\d+)?`)
	keyLike     = regexp.MustCompile(`[A-Za-z0-9+/_=-]{32,}`)
	hexOnly     = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
)

// scrub returns at most so many bytes of text without addresses of mail and of machines,
// tokens, passwords and what looks like a key. It rather masks too much.
func scrub(text string, most int) string {
	const looked = 64 << 10 // bytes at which a text is cut before it is looked at
	text = strings.ToValidUTF8(text[:min(len(text), max(looked, most))], "\uFFFD")
	for _, h := range masks {
		text = h.pattern.ReplaceAllString(text, h.by)
	}
	text = keyLike.ReplaceAllStringFunc(text, maskKey)
	text = addressLike.ReplaceAllStringFunc(text, maskAddress)
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// maskKey leaves what is made of words, such as a path.
func maskKey(s string) string {
	mixed := strings.ContainsAny(s, "0123456789") && strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if mixed || hexOnly.MatchString(s) {
		return "[key]"
	}
	return s
}

func maskAddress(s string) string {
	for _, core := range []string{s, strings.TrimRight(s, ":."), strings.Trim(s, ":.")} { // the ends may be the sentence's
		if isAddress(core) {
			return strings.Replace(s, core, "[ip]", 1)
		}
	}
	return s
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	_, errPort := netip.ParseAddrPort(s)
	return err == nil || errPort == nil
}
