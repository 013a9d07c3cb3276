package gateway

import "time"

// budget bounds retries by a share of the requests of late, so that they don't multiply what
// is sent to those who are in trouble already. Some are allowed however few requests there are.
type budget struct {
	share  float64
	floor  int
	recent window // requests, and retries marked

	requests, retries, refused int64 // ever
}

func (b *budget) began(now time.Time) {
	b.requests++
	b.recent.add(now, count{all: 1})
}

// take counts a retry, and reports whether there may be one. What was never sent costs nobody
// anything, and takes no place.
func (b *budget) take(now time.Time, unsent bool) bool {
	if unsent {
		b.retries++
		return true
	}
	recent := b.recent.at(now)
	if recent.marked >= max(b.floor, int(b.share*float64(recent.all))) {
		b.refused++
		return false
	}
	b.retries++
	b.recent.add(now, count{marked: 1})
	return true
}
