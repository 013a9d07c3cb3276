package importer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"inkstone/internal/blog"
)

// Export writes every post (or those of one author), drafts and archived ones
// too, as a file "<day of creation>-<id>.md" each into the folder, which is
// created if need be. A file is written aside and renamed, so it is never half
// there. Views, likes and comments are not exported. The posts are read page by
// page; one that is created meanwhile may be left out. Files of an earlier export whose
// posts are not among them stay, and are told: an import would bring the posts back.
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
	left, err := exported(o.Path)
	if err != nil {
		return rep, unreadable(o.Path, err)
	}
	err = o.eachPost(ctx, author, func(p *blog.Post, total int64) error {
		name := fileName(p)
		if err := writeFile(filepath.Join(o.Path, name), p); err != nil {
			return unwritable(o.Path, err)
		}
		delete(left, name)
		rep.Exported++
		o.Progress(rep.Exported, int(total))
		return nil
	})
	rep.Left = slices.Sorted(maps.Keys(left))
	return rep, err
}

func unwritable(folder string, err error) error {
	return fmt.Errorf("无法写入文件夹 %s，请检查路径、权限与磁盘：%w", folder, err)
}

// fileName never changes for a post, so that a second export replaces its file.
func fileName(p *blog.Post) string {
	return p.CreatedAt.UTC().Format(time.DateOnly) + "-" + p.ID.String() + ".md"
}

var exportName = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}-[0-9a-f]{24}\.md$`)

// exported returns the files in a folder that are named as fileName does.
func exported(folder string) (map[string]bool, error) {
	entries, err := os.ReadDir(folder)
	names := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() && exportName.MatchString(e.Name()) {
			names[e.Name()] = true
		}
	}
	return names, err
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
