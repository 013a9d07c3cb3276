package cache

import (
	"context"
	"sync/atomic"
	"time"
)

// maxAge is how long a generation counts that was asked for while changes are heard of. A
// change of which the news were lost is seen after that at the latest.
const maxAge = 100 * time.Millisecond

// Generations knows the generation of data that others change, too, without asking for it
// each time: as long as changes are heard of, it asks after one, and every 100 ms.
type Generations struct {
	ask   func(context.Context) (uint64, error)
	hears func() bool

	changes atomic.Uint64
	known   atomic.Pointer[known]
}

// known is a generation, and what had been heard before it was asked for.
type known struct {
	generation uint64
	changes    uint64
	asked      time.Time
}

// NewGenerations makes Generations that ask by ask, where who calls later is told no less
// than he would have been told before; hears says whether Changed is called for what others change.
func NewGenerations(ask func(context.Context) (uint64, error), hears func() bool) *Generations {
	return &Generations{ask: ask, hears: hears}
}

// Changed says that the generation may be another one from now on.
func (g *Generations) Changed() { g.changes.Add(1) }

// Current returns the generation as it is now, or was at most 100 ms ago if the news of a
// change have not come yet. Errors are those of asking.
func (g *Generations) Current(ctx context.Context) (uint64, error) {
	now, changes := time.Now(), g.changes.Load()
	k := g.known.Load()
	if k != nil && k.changes == changes && now.Sub(k.asked) < maxAge && g.hears() {
		return k.generation, nil
	}
	generation, err := g.ask(ctx)
	if err != nil {
		return 0, err
	}
	g.known.Store(&known{generation, changes, now})
	return generation, nil
}
