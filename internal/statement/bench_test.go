package statement

import (
	"strings"
	"testing"
)

// BenchmarkKind is of what a request pays for a statement that was slow: a short one, and a
// batch of 10 MB.
func BenchmarkKind(b *testing.B) {
	for name, query := range map[string]string{
		"short":  "SELECT p.key, p.title FROM posts p WHERE p.status = ? AND p.rank BETWEEN ? AND ? ORDER BY 2 DESC LIMIT +?",
		"values": "INSERT INTO x (a, b) VALUES " + strings.Repeat("(?, 'some text of a value', 12), ", 10<<20/32),
		"text":   "INSERT INTO x (a, b) VALUES ('" + strings.Repeat("long ", 10<<20/5) + "')",
		"batch":  strings.Repeat("UPDATE x SET a = ? WHERE b = ?;\n", 10<<20/32),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Kind(query)
			}
		})
	}
}
