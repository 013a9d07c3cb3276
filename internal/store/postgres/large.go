package postgres

import (
	"bufio"
	"context"
	"io"
	"runtime/debug"
	"strings"

	"inkstone/internal/blog"
)

// large is from how many bytes on a text is no argument of a statement: the driver
// would have it in memory three times. It is streamed into a temporary table instead.
const large = 1 << 20

// argument is how a statement names a text, and what it must be given for that.
type argument struct {
	sql  string
	args []any
}

// text is an argument for text: placeholder, or where it has been put under name.
func (t *tx) text(name, text, placeholder string) (argument, error) {
	if len(text) < large {
		return argument{placeholder, []any{text}}, nil
	}
	return staged(name), t.stage(name, func(w io.StringWriter) { _, _ = w.WriteString(text) })
}

// plain is an argument for the plain text of blog.Index behind a prefix, with the terms.
func (t *tx) plain(prefix, text, placeholder string) (terms []string, a argument, err error) {
	if len(text) < large {
		terms, plain := blog.Index(text)
		return terms, argument{placeholder, []any{prefix + plain}}, nil
	}
	err = t.stage("plain", func(w io.StringWriter) {
		_, _ = w.WriteString(prefix)
		terms = blog.WriteIndex(w, text)
	})
	debug.FreeOSMemory()
	return terms, staged("plain"), err
}

// terms is an argument for the different terms of a title and a content, with blanks between.
func (t *tx) terms(title, content []string, placeholder string) (argument, error) {
	known := make(map[string]bool, len(title))
	for _, term := range title {
		known[term] = true
	}
	write := func(w io.StringWriter) {
		_, _ = w.WriteString(strings.Join(title, " "))
		for _, term := range content {
			if !known[term] {
				_, _ = w.WriteString(" ")
				_, _ = w.WriteString(term)
			}
		}
	}
	if len(content) < manyTerms {
		var b strings.Builder
		write(&b)
		return argument{placeholder, []any{b.String()}}, nil
	}
	return staged("terms"), t.stage("terms", write)
}

// manyTerms have a megabyte together, or nearly so.
const manyTerms = 50_000

// relieve gives back the memory in which a connection has received much: it would keep it
// until it is used again.
func relieve(ctx context.Context, q querier, received int64) error {
	if received < large {
		return nil
	}
	_, err := q.Exec(ctx, "SELECT")
	return err
}

func staged(name string) argument {
	return argument{sql: "(SELECT value FROM staged WHERE name = '" + name + "')"}
}

// stage puts what write writes into the table staged.
func (t *tx) stage(name string, write func(io.StringWriter)) error {
	t.staged = true
	if _, err := t.exec("CREATE TEMP TABLE IF NOT EXISTS staged (name text, value text) ON COMMIT DROP"); err != nil {
		return err
	}
	from, to := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w := bufio.NewWriterSize(to, 64<<10)
		_, _ = w.WriteString(name + "\t")
		write(copied{w})
		_, _ = w.WriteString("\n")
		_ = to.CloseWithError(w.Flush()) // nil is the end of the text
	}()
	_, err := t.Conn().PgConn().CopyFrom(t.ctx, from, "COPY staged FROM STDIN")
	_ = from.Close() // ends the writer if the server took no more
	<-done
	return err
}

// copied escapes what is written for COPY's text format.
//
// Source: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
type copied struct{ *bufio.Writer }

var copyEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// WriteString implements io.StringWriter.
func (c copied) WriteString(s string) (int, error) { return copyEscapes.WriteString(c.Writer, s) }

// free gives back what large texts have taken.
func (t *tx) free() {
	if t.staged {
		debug.FreeOSMemory()
	}
}
