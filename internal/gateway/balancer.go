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

// clearly is how much cheaper the second of two must be to be taken. Without it small differences
// of speed would decide, and not the weights, when there is little to do.
const clearly = 0.8

// twoChoices draws two by their weight, and takes the first unless the second promises to answer
// clearly sooner. Always the best of all would be everybody's choice at once.
func twoChoices(p *pool, now time.Time) *instance {
	var total float64
	for _, i := range p.candidates {
		total += i.share
	}
	mean := total / float64(len(p.candidates))
	first := p.draw(total, nil)
	second := p.draw(total-first.share, first)
	if p.cost(second, now, mean) < clearly*p.cost(first, now, mean) {
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
// sign of life if that is more, times the requests that are there, for its share beside the mean.
// Who hangs becomes dear at once, not when the first request there has failed.
func (p *pool) cost(i *instance, now time.Time, mean float64) float64 {
	expected := i.latency.at(now)
	if !i.latency.known() {
		expected = p.usualLatency(now, 0.001) // any figure, where nobody has answered yet
	}
	return max(expected, i.silence(now).Seconds()) * (1 + float64(i.inFlight)*mean/i.share)
}

// usualLatency stands in for that of an instance without answers: the mean of the others, in
// seconds; fallback if nobody has answered yet.
func (p *pool) usualLatency(now time.Time, fallback float64) float64 {
	sum, n := 0.0, 0
	for _, i := range p.instances {
		if i.latency.known() {
			sum += i.latency.at(now)
			n++
		}
	}
	if n == 0 {
		return fallback
	}
	return sum / float64(n)
}
