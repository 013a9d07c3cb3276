package background

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestGoHasOneProcessorMoreWhileThereIsWork(t *testing.T) {
	spare.release() // another test may have used it
	before := runtime.GOMAXPROCS(0)
	during := 0
	Do(0, func() { during = runtime.GOMAXPROCS(0) })
	spare.release()
	if after := runtime.GOMAXPROCS(0); during != before+1 || after != before {
		t.Errorf("%d processors before, %d during, %d after", before, during, after)
	}
}

func TestTheSpareProcessorIsKeptForTheNextWork(t *testing.T) {
	spare.release() // another test may have used it
	synctest.Test(t, func(t *testing.T) {
		var s spareProcessor
		before := runtime.GOMAXPROCS(0)
		expect := func(when string, more int) {
			t.Helper()
			if got := runtime.GOMAXPROCS(0) - before; got != more {
				t.Errorf("%s: %d processors more, not %d", when, got, more)
			}
		}
		s.use()
		s.use()
		s.leave()
		time.Sleep(2 * spareCalm)
		expect("long work", 1)
		s.leave()
		time.Sleep(spareCalm - time.Millisecond)
		expect("shortly after it", 1)
		s.use()
		time.Sleep(time.Second)
		expect("in use again", 1)
		s.leave()
		time.Sleep(spareCalm + time.Millisecond)
		expect("after it", 0)
		s.use()
		expect("next time", 1)
		s.leave()
		time.Sleep(spareCalm + time.Millisecond)
		expect("after the last time", 0)
	})
}
