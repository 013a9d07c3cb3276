package gateway

import (
	"slices"
	"time"
)

// policy chooses one of p.candidates, of which there are two or more.
type policy func(p *pool, now time.Time) *instance

var policies = map[string]policy{"p2c": twoChoices, "least-conn": leastConn, "round-robin": roundRobin}

// roundRobin gives each its turn, as often as its weight says and evenly spread: all come nearer
// to their turn by their weight, and whose it is goes back by what all have moved.
func roundRobin(p *pool, _ time.Time) *instance {
	var next *instance
	var moved float64
	for _, i := range p.candidates {
		i.turn += i.share
		moved += i.share
		if next == nil || i.turn > next.turn {
			next = i
		}
	}
	next.turn -= moved
	return next
}

// leastConn takes who has the fewest requests in flight for his weight, and of several the next.
func leastConn(p *pool, now time.Time) *instance {
	least := slices.MinFunc(p.candidates, func(a, b *instance) int { return compare(a.load(), b.load()) }).load()
	p.candidates = slices.DeleteFunc(p.candidates, func(i *instance) bool { return i.load() > least })
	return roundRobin(p, now)
}

func (i *instance) load() float64 { return float64(i.inFlight) / i.share }

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// twoChoices draws two by their weight, and takes the one that promises to answer sooner; the
// first if both do. Always the best of all would be everybody's choice at once.
func twoChoices(p *pool, now time.Time) *instance {
	var total float64
	for _, i := range p.candidates {
		total += i.share
	}
	mean := total / float64(len(p.candidates))
	first := p.draw(total, nil)
	second := p.draw(total-first.share, first)
	usual := p.usualLatency(now)
	if second.cost(now, mean, usual) < first.cost(now, mean, usual) {
		return second
	}
	return first
}

// draw takes a candidate at random by weight, except one; total is the weight of the others.
func (p *pool) draw(total float64, except *instance) *instance {
	at := p.o.random() * total
	var last *instance
	for _, i := range p.candidates {
		if i == except {
			continue
		}
		last = i
		if at -= i.share; at < 0 {
			break
		}
	}
	return last
}

// cost is how long an answer might take: what it took of late, or as long as there has been no
// sign of life if that is more, for each request that is there for the weight. Who hangs becomes
// dear at once, not when the first request there has failed.
func (i *instance) cost(now time.Time, mean, usual float64) float64 {
	expected := usual
	if i.latency.known() {
		expected = i.latency.at(now)
	}
	return max(expected, i.silence(now).Seconds()) * (1 + float64(i.inFlight)*mean/i.share)
}

// usualLatency stands in for that of an instance without answers: the mean of the others. Where
// nobody has answered yet, any figure does.
func (p *pool) usualLatency(now time.Time) float64 {
	sum, n := 0.0, 0
	for _, i := range p.candidates {
		if i.latency.known() {
			sum += i.latency.at(now)
			n++
		}
	}
	if n == 0 {
		return 0.001
	}
	return sum / float64(n)
}
