package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// Hooks are those of store.Options that a server puts around the operations of its requests.
type Hooks struct {
	Read    func(ctx context.Context, operation string, work func() error) error
	Observe func(ctx context.Context, operation string, took time.Duration, err error)
}

// RunCareOverloaded checks that blog.Care answers while a server refuses to read, and is not
// counted among what its requests ask: who looks after an overloaded server must see something.
// open returns an empty store with these hooks.
func RunCareOverloaded(t *testing.T, open func(t *testing.T, hooks Hooks) blog.Store) {
	o := &overload{}
	w := newWorld(t, open(t, Hooks{o.read, o.observe}))
	w.post(w.user("user"), "post")
	_, err := w.Posts().List(w.ctx, blog.PostFilter{Order: oldestFirst, Page: everything})
	w.fails(err, blog.CodeBusy)
	if before := o.take(); !slices.Contains(before, "posts.list") {
		t.Fatalf("told of %q, so that it means nothing who is not", before)
	}
	note := slowNote(noon, "SELECT 1", "", time.Second)
	for name, call := range map[string]func() error{
		"Note":    func() error { return w.Care().Note(w.ctx, []blog.SlowStatement{note}, never) },
		"Slow":    func() error { _, err := w.Care().Slow(w.ctx, noon); return err },
		"Plan":    func() error { _, err := w.Care().Plan(w.ctx, "SELECT 1"); return err },
		"Server":  func() error { _, err := w.Care().Server(w.ctx, []string{"SELECT 1"}); return err },
		"Indexes": func() error { _, err := w.Care().Indexes(w.ctx); return err },
		"State":   func() error { _, err := w.Care().State(w.ctx); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if operations := o.take(); len(operations) > 0 {
			t.Errorf("%s is told as %s", name, strings.Join(operations, ", "))
		}
	}
	w.same("slow", w.slow(noon), []blog.SlowStatement{note})
}

// overload refuses all reads and keeps the names of operations.
type overload struct {
	mu         sync.Mutex
	operations []string
}

func (o *overload) read(context.Context, string, func() error) error {
	return blog.Fail(blog.CodeBusy)
}

func (o *overload) observe(_ context.Context, operation string, _ time.Duration, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.operations = append(o.operations, operation)
}

// take returns the operations since it was last called.
func (o *overload) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.operations
	o.operations = nil
	return all
}
