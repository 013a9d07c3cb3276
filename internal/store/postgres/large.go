package postgres

import (
	"bufio"
	"bytes"
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
	return staged(name), t.stage(name, func(w io.Writer) { _, _ = io.WriteString(w, text) })
}

// index makes arguments for the terms and the plain text of a post.
func (t *tx) index(p *blog.Post, forTerms, forPlain string) (terms, plain argument, err error) {
	if len(p.Content) < large {
		var b strings.Builder
		b.Grow(len(p.Title) + len(p.Content) + 8)
		list := strings.Join(blog.Index(&b, p.Title, p.Content), "")
		return argument{forTerms, []any{list}}, argument{forPlain, []any{b.String()}}, nil
	}
	var pieces []string
	err = t.stage("plain", func(w io.Writer) { pieces = blog.Index(w, p.Title, p.Content) })
	debug.FreeOSMemory() // before more is taken
	if err != nil {
		return terms, plain, err
	}
	err = t.stage("terms", func(w io.Writer) {
		for _, piece := range pieces {
			_, _ = io.WriteString(w, piece)
		}
	})
	return staged("terms"), staged("plain"), err
}

// relieve gives back the memory in which a connection has received much. It would keep
// its buffer until it is used again, and each value of its last row until one comes that
// has as many columns.
func relieve(ctx context.Context, q querier, received int64) error {
	if received < large {
		return nil
	}
	_, err := q.Exec(ctx, wideRow)
	debug.FreeOSMemory() // the driver's pool of buffers lets one go at every second collection
	return err
}

// wideRow asks for more columns than any other statement here.
var wideRow = "SELECT " + strings.Repeat("NULL, ", 63) + "NULL"

func staged(name string) argument {
	return argument{sql: "(SELECT value FROM staged WHERE name = '" + name + "')"}
}

// stage puts what write writes into the table staged.
func (t *tx) stage(name string, write func(io.Writer)) error {
	if !t.staged {
		if err := mayThink(t.ctx, t); err != nil {
			return err
		}
	}
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

// Write implements io.Writer.
func (c copied) Write(b []byte) (int, error) {
	if bytes.ContainsAny(b, "\\\n\r\t") {
		return c.WriteString(string(b))
	}
	return c.Writer.Write(b)
}

// WriteString implements io.StringWriter.
func (c copied) WriteString(s string) (int, error) { return copyEscapes.WriteString(c.Writer, s) }

// free gives back what large texts have taken.
func (t *tx) free() {
	if t.staged {
		debug.FreeOSMemory()
	}
}
