package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inkstone/internal/blog"
)

// DefaultCategory is the category of a file that names none of the configured ones.
const DefaultCategory = "教程"

// DefaultZone is what a date without a zone is read in: the authors of Chinese
// blogs mean the clock on their wall, and CST is the name it goes by.
var DefaultZone = time.FixedZone("CST", 8*60*60)

// workers is how many posts are written at once, so that the store can write
// them in groups.
const workers = 8

// Options says what to import from where, or to export where to.
type Options struct {
	Posts   blog.Posts
	Users   blog.Users
	Sources blog.Sources // import only

	Path   string // the folder, or for an import also one file
	Author string // the address of whose posts they are; for an export, "" means everybody's

	Categories []string       // import: the configured ones
	Category   string         // import: for files with none of them; "": DefaultCategory
	Zone       *time.Location // import: of dates without one; nil: DefaultZone
	AnyAuthor  bool           // import: let an "id" change posts of others too
	DryRun     bool           // import: write nothing, report the same

	// Progress is told how many files are done, and of how many (0: unknown).
	// It is never called twice at a time. It may be nil.
	Progress func(done, total int)
}

// Report says what became of the files, in their order.
type Report struct {
	Imported, Updated, Unchanged, Exported int

	Refused []Remark
	Notes   []Remark
	Left    []string // files of an earlier export that this one did not write
}

// Remark is something to tell about a file, to its author in Chinese.
type Remark struct {
	File string // slash-separated, relative to the folder
	Text string
}

func (o *Options) defaults() {
	if o.Category == "" {
		o.Category = DefaultCategory
	}
	if o.Zone == nil {
		o.Zone = DefaultZone
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
}

// authorID finds the user with the address that was given.
func (o *Options) authorID(ctx context.Context) (blog.ID, error) {
	u, err := o.Users.GetByEmail(ctx, blog.NormalEmail(o.Author))
	if err != nil {
		return blog.ID{}, fmt.Errorf("作者 %s：%w", o.Author, err)
	}
	return u.ID, nil
}

// outcome is what became of one file.
type outcome struct {
	count  func(*Report) *int // nil: refused, or never reached
	reason string
	notes  []string
}

func imported(r *Report) *int  { return &r.Imported }
func updated(r *Report) *int   { return &r.Updated }
func unchanged(r *Report) *int { return &r.Unchanged }

// run is one import.
type run struct {
	Options
	author blog.ID
	start  time.Time
	files  []file
	ids    map[blog.ID]string // ids that files gave, and which

	mu       sync.Mutex
	twins    twins
	outcomes []outcome
	done     int
}

// Import imports the file, or every .md and .markdown file below the folder. An
// error means that it could not begin or go on (no such author, the store is
// away, ctx ended); the report then says how far it came. What is wrong with
// one file never stops the others.
func Import(ctx context.Context, o Options) (Report, error) {
	o.defaults()
	if !slices.Contains(o.Categories, o.Category) {
		return Report{}, fmt.Errorf("分类 %s 不在 %s 之中，请用 --category 指定", o.Category, strings.Join(o.Categories, "、"))
	}
	author, err := o.authorID(ctx)
	if err != nil {
		return Report{}, err
	}
	files, lost, err := find(o.Path)
	if err != nil {
		return Report{}, err
	}
	r := &run{Options: o, author: author, start: blog.ToMillisecond(time.Now()),
		files: files, ids: map[blog.ID]string{}, outcomes: make([]outcome, len(files))}
	if r.twins, err = r.unclaimed(ctx); err == nil {
		err = r.all(ctx)
	}
	return r.report(lost), err
}

// all reads the files one after another, so that ids ascend in their order, and
// writes the posts side by side.
func (r *run) all(ctx context.Context) error {
	g, alive := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, f := range r.files {
		if alive.Err() != nil {
			break
		}
		id := blog.NewID(r.start)
		a, err := r.read(f)
		if err != nil {
			r.finish(i, outcome{reason: err.Error()})
			continue
		}
		g.Go(func() error {
			out, err := r.save(alive, a, id)
			if err != nil {
				return fmt.Errorf("%s：%w", f.name, err)
			}
			r.finish(i, out)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// maxText is how many bytes of a page's contents are in memory at once; of larger
// ones each is read by itself.
const maxText = 4 << 20

// eachPost calls do with every post of an author (everybody's if it is zero), the
// oldest first, and how many there are.
func (o *Options) eachPost(ctx context.Context, author blog.ID, do func(p *blog.Post, total int64) error) error {
	f := blog.PostFilter{
		Author: author, Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: blog.MaxLimit}, MaxText: maxText,
	}
	for {
		page, err := o.Posts.List(ctx, f)
		if err != nil {
			return err
		}
		for _, p := range page.Items {
			if page.Bare != nil {
				p, err = o.Posts.Get(ctx, p.ID)
			}
			if blog.CodeOf(err) == blog.CodePostNotFound { // it has gone meanwhile
				continue
			}
			if err == nil {
				err = do(p, page.Total)
			}
			if err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		f.Page.After = page.Next
	}
}

// read makes an article of a file. A parser that panics has met a bad file, no more.
func (r *run) read(f file) (a *article, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("front matter 无法解析：%v", p)
		}
	}()
	text, digest, err := f.read()
	if err != nil {
		return nil, err
	}
	if a, err = parse(f, text, r.Zone); err != nil {
		return nil, err
	}
	a.digest = digest
	if other, taken := r.ids[a.id]; taken {
		return nil, fmt.Errorf("id 与 %s 相同", other)
	}
	if !a.id.IsZero() {
		r.ids[a.id] = f.name
	}
	return a, nil
}

func (r *run) finish(i int, out outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[i] = out
	r.done++
	r.Progress(r.done, len(r.files))
}

func (r *run) report(lost []Remark) Report {
	rep := Report{Refused: lost}
	for i, out := range r.outcomes {
		name := r.files[i].name
		switch {
		case out.count != nil:
			*out.count(&rep)++
		case out.reason != "":
			rep.Refused = append(rep.Refused, Remark{name, out.reason})
		}
		for _, n := range out.notes {
			rep.Notes = append(rep.Notes, Remark{name, n})
		}
	}
	return rep
}

// errRefused is a reason why a file cannot become a post.
type errRefused string

func (e errRefused) Error() string { return string(e) }

func refusal(err error) (outcome, bool) {
	e, ok := errors.AsType[errRefused](err)
	return outcome{reason: string(e)}, ok
}
