package gateway

import "time"

// steps is into how many parts a window is cut. What is older than the window is forgotten a part
// at a time, so it looks back on nine to ten tenths of its length.
const steps = 10

// window counts what happened lately, and how much of it was marked.
type window struct {
	start time.Time
	step  time.Duration
	last  int64 // the part that is counted in, from start
	parts [steps]count
	sum   count
}

type count struct{ all, marked int }

func newWindow(o poolOptions) window {
	return window{start: o.now(), step: max(1, o.window/steps)}
}

// at returns what is counted, at now.
func (w *window) at(now time.Time) count {
	w.advance(now)
	return w.sum
}

func (w *window) add(now time.Time, c count) {
	w.advance(now)
	part := &w.parts[w.last%steps]
	part.all, part.marked = part.all+c.all, part.marked+c.marked
	w.sum.all, w.sum.marked = w.sum.all+c.all, w.sum.marked+c.marked
}

func (w *window) advance(now time.Time) {
	to := int64(now.Sub(w.start) / w.step)
	if to-w.last >= steps {
		w.parts, w.sum, w.last = [steps]count{}, count{}, to
	}
	for ; w.last < to; w.last++ {
		oldest := &w.parts[(w.last+1)%steps]
		w.sum.all, w.sum.marked = w.sum.all-oldest.all, w.sum.marked-oldest.marked
		*oldest = count{}
	}
}

func (w *window) clear() { w.parts, w.sum = [steps]count{}, count{} }
