package importer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"inkstone/internal/blog"
)

// Export writes every post (or those of one author), drafts and archived ones
// too, as a file "<day of creation>-<id>.md" each into the folder, which is
// created if need be. A file is written aside and renamed, so it is never half
// there. Views, likes and comments are not exported. The posts are read page by
// page; one that is created meanwhile may be left out.
func Export(ctx context.Context, o Options) (Report, error) {
	o.defaults()
	var rep Report
	var author blog.ID
	if o.Author != "" {
		var err error
		if author, err = o.authorID(ctx); err != nil {
			return rep, err
		}
	}
	if err := os.MkdirAll(o.Path, 0o755); err != nil {
		return rep, unwritable(o.Path, err)
	}
	err := o.eachPost(ctx, author, func(p *blog.Post, total int64) error {
		if err := writeFile(filepath.Join(o.Path, fileName(p)), p); err != nil {
			return unwritable(o.Path, err)
		}
		rep.Exported++
		o.Progress(rep.Exported, int(total))
		return nil
	})
	return rep, err
}

func unwritable(folder string, err error) error {
	return fmt.Errorf("无法写入文件夹 %s，请检查路径、权限与磁盘：%w", folder, err)
}

// fileName never changes for a post, so that a second export replaces its file.
func fileName(p *blog.Post) string {
	return p.CreatedAt.UTC().Format(time.DateOnly) + "-" + p.ID.String() + ".md"
}

func writeFile(name string, p *blog.Post) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".export-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(render(p)) // Flush tells
	_, _ = w.WriteString(p.Content)
	// Synced before it is renamed: else a power cut could leave the name without the text.
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// render returns the front matter and the empty line behind it. Every text is
// quoted as Go does, which is a YAML double-quoted scalar for any text in UTF-8.
func render(p *blog.Post) string {
	var b strings.Builder
	text := func(key, s string) { fmt.Fprintf(&b, "%s: %s\n", key, strconv.Quote(s)) }
	date := p.PublishedAt
	if date.IsZero() {
		date = p.CreatedAt
	}
	b.WriteString("---\n")
	text("id", p.ID.String())
	text("title", p.Title)
	fmt.Fprintf(&b, "date: %s\n", stamp(date))
	fmt.Fprintf(&b, "draft: %t\nstatus: %s\n", p.Status != blog.Published, p.Status)
	text("category", p.Category)
	b.WriteString("tags:")
	if len(p.Tags) == 0 {
		b.WriteString(" []")
	}
	for _, t := range p.Tags {
		b.WriteString("\n  - " + strconv.Quote(t))
	}
	b.WriteByte('\n')
	text("excerpt", p.Excerpt)
	text("coverImage", p.CoverImage)
	text("author", p.Author.Username)
	if !p.PublishedAt.IsZero() {
		fmt.Fprintf(&b, "publishedAt: %s\n", stamp(p.PublishedAt))
	}
	fmt.Fprintf(&b, "createdAt: %s\nupdatedAt: %s\n---\n\n", stamp(p.CreatedAt), stamp(p.UpdatedAt))
	return b.String()
}
