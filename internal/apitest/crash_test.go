package apitest

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// rounds is how often a test that can't be long every day does what it does: the
// number in that environment variable, else usually. The figures of a release
// come from 200 rounds of INKSTONE_CRASH_ROUNDS and 1000 of INKSTONE_SHARED_ROUNDS.
func rounds(t *testing.T, variable string, usually int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(variable))
	switch {
	case err == nil:
	case testing.Short():
		n = min(usually, 2)
	default:
		n = usually
	}
	t.Logf("%d rounds", n)
	return n
}

// A process that is killed in the middle of writes, many times, has every write
// that it acknowledged, once, and nothing that nobody sent; a write that was cut
// off is there whole or not at all. crashwriter_test.go writes,
// crashverify_test.go compares.
func TestEveryAcknowledgedWriteOutlivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	s := usual()
	p := launch(t, dir, s)
	c := newCrash(t, dir, p.url, 12)
	var starts []time.Duration
	for round := range rounds(t, "INKSTONE_CRASH_ROUNDS", 8) {
		var wg sync.WaitGroup
		for _, w := range c.writers {
			wg.Go(w.writeUntilCutOff)
		}
		time.Sleep(time.Duration(20+rand.IntN(880)) * time.Millisecond)
		p.Kill()
		wg.Wait()

		start := time.Now()
		p = launch(t, dir, s)
		starts = append(starts, time.Since(start))
		c.verify(p.url)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	slices.Sort(starts)
	t.Logf("%d writes acknowledged: %v; %d cut off, of which %d were kept", c.acknowledged(), c.kinds(), c.cut, c.kept)
	t.Logf("restart until ready: median %v, slowest %v", starts[len(starts)/2], starts[len(starts)-1])
	if c.acknowledged() < 20*len(starts) {
		t.Errorf("only %d writes acknowledged in %d rounds: nothing was proved", c.acknowledged(), len(starts))
	}
	if err := p.Stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
