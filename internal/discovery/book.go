package discovery

import (
	"cmp"
	"slices"
	"sync"
)

// book tells lists on, each only if it is another than the last one of its service.
type book struct {
	mu   sync.Mutex // also while it tells: one list after the other
	tell func(List)
	told map[string]List
}

func newBook(tell func(List)) *book { return &book{tell: tell, told: map[string]List{}} }

// take reports whether the list was told.
func (b *book) take(l List) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.told[l.Service]; ok && same(old, l) {
		return false
	}
	b.told[l.Service] = l
	b.tell(l)
	return true
}

// knows is of how many services something was told.
func (b *book) knows() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.told)
}

func same(a, b List) bool {
	return a.Service == b.Service && a.Firm == b.Firm && slices.Equal(a.Instances, b.Instances) &&
		slices.Equal(a.Withdrawn, b.Withdrawn) && slices.Equal(a.Failing, b.Failing)
}

func (l List) sorted() List {
	byID := func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(l.Instances, byID)
	slices.SortFunc(l.Withdrawn, byID)
	slices.SortFunc(l.Failing, byID)
	return l
}
