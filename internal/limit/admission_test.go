package limit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// worker asks for work that takes so long and notes how it went.
type worker struct {
	waited time.Duration
	err    error
}

// crowd lets n callers of a ticket's kind come at once, each with work of length d.
func crowd(a *Admission, n int, member bool, d time.Duration) []*worker {
	all := make([]*worker, n)
	for i := range all {
		w := &worker{}
		all[i] = w
		go func() { w.work(WithTicket(context.Background(), &Ticket{Member: member}), a, d) }()
	}
	return all
}

func (w *worker) work(ctx context.Context, a *Admission, d time.Duration) {
	start := time.Now()
	leave, err := a.Enter(ctx)
	w.waited, w.err = time.Since(start), err
	if err == nil {
		time.Sleep(d)
		leave()
	}
}

// pass lets time pass until all who can have gone on.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func served(all []*worker) (n int) {
	for _, w := range all {
		if w.err == nil {
			n++
		}
	}
	return n
}

// overload lets three strangers a millisecond come for d, of whom a single worker can
// serve one, and returns those who came after the first 100 ms.
func overload(a *Admission, d time.Duration) (all []*worker) {
	for begin := time.Now(); time.Since(begin) < d; time.Sleep(time.Millisecond) {
		now := crowd(a, 3, false, time.Millisecond)
		if time.Since(begin) > 100*time.Millisecond {
			all = append(all, now...)
		}
	}
	return all
}

func TestAsManyWorkAtOnceAsAreAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(3, 1)
		var mu sync.Mutex
		most, now := 0, 0
		count := func(n int) { mu.Lock(); defer mu.Unlock(); now += n; most = max(most, now) }
		for range 20 {
			go func() {
				leave, err := a.Enter(WithTicket(t.Context(), &Ticket{}))
				if err != nil {
					t.Error(err)
					return
				}
				count(1)
				time.Sleep(time.Millisecond)
				count(-1)
				leave()
			}()
			synctest.Wait()
		}
		pass(time.Second)
		if most != 3 || now != 0 || a.free != 3 || a.length != 0 {
			t.Errorf("%d at once, %d still, %d free, %d waiting", most, now, a.free, a.length)
		}
	})
}

func TestABurstIsServedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(2, 1)
		var mu sync.Mutex
		var order []int
		for i := range standingLine * 3 / 2 {
			go func() {
				leave, err := a.Enter(WithTicket(t.Context(), &Ticket{}))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				leave()
			}()
			synctest.Wait()
		}
		pass(time.Second)
		if len(order) != standingLine*3/2 {
			t.Fatalf("%d of a burst are served", len(order))
		}
		for i := range order {
			if order[i] > i+2 || order[i] < i-2 {
				t.Fatalf("served in the order %v", order)
			}
		}
	})
}

func TestFewWhoAlwaysWaitAreNoOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(2, 1)
		var mu sync.Mutex
		var done []*worker
		for range 50 { // who ask again as soon as they are served
			go func() {
				for range 20 {
					w := &worker{}
					w.work(WithTicket(t.Context(), &Ticket{}), a, 20*time.Millisecond)
					mu.Lock()
					done = append(done, w)
					mu.Unlock()
				}
			}()
		}
		pass(time.Minute)
		if n := served(done); n != 1000 || a.strict {
			t.Errorf("%d of 1000 are served, strict %v", n, a.strict)
		}
	})
}

func TestInOverloadAsManyAreServedAndNobodyWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		all := overload(a, 2*time.Second)
		pass(time.Second)
		if n := served(all); n < 1850 || n > 1910 { // one a millisecond
			t.Errorf("%d are served in 1.9 s", n)
		}
		var waits []time.Duration
		for _, w := range all {
			if w.err == nil {
				waits = append(waits, w.waited)
			}
			if w.err == nil && w.waited > patience+time.Millisecond {
				t.Fatalf("one who is served waits for %v", w.waited)
			}
			if w.err != nil && (!errors.Is(w.err, ErrBusy) || w.waited < refusalTime-refusalBatch/2 || w.waited > refusalTime+refusalBatch/2+patience) {
				t.Fatalf("one is refused after %v: %v", w.waited, w.err)
			}
		}
		slices.Sort(waits)
		if half := waits[len(waits)/2]; half > 2*time.Millisecond {
			t.Errorf("half of those who are served wait for %v", half)
		}
	})
}

func TestWhoWaitsWhenOverloadBeginsIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		all := crowd(a, 400, false, time.Millisecond)
		pass(time.Second)
		slowest := slices.MaxFunc(all, func(x, y *worker) int { return int(x.waited - y.waited) })
		if slowest.waited > max(standingTime, refusalTime)+refusalBatch/2+2*time.Millisecond {
			t.Errorf("somebody waits for %v", slowest.waited)
		}
		if n := served(all); n < 20 || n > 30 {
			t.Errorf("%d are served", n)
		}
	})
}

func TestRefusalsAreToldByTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		told := map[time.Time]int{}
		for range 100 { // one each millisecond
			go func() {
				came := time.Now()
				HoldBack(t.Context(), came)
				mu.Lock()
				defer mu.Unlock()
				told[time.Now()]++
				if held := time.Since(came); held < refusalTime-refusalBatch/2 || held > refusalTime+refusalBatch/2 {
					t.Errorf("one is told after %v", held)
				}
			}()
			time.Sleep(time.Millisecond)
		}
		pass(time.Second)
		batches := int(100 * time.Millisecond / refusalBatch)
		if n := len(told); n < batches || n > batches+1 {
			t.Errorf("100 are told at %d times", n)
		}
	})
}

func TestHoldingBackEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		came := time.Now()
		HoldBack(ctx, came)
		if held := time.Since(came); held != time.Millisecond {
			t.Errorf("who leaves after a millisecond is held for %v", held)
		}
	})
}

func TestMembersGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		go overload(a, 2*time.Second)
		time.Sleep(500 * time.Millisecond)
		var members []*worker
		for range 100 {
			members = append(members, crowd(a, 1, true, time.Millisecond)...)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		if n := served(members); n != 100 {
			t.Errorf("%d of 100 members are served", n)
		}
	})
}

func TestWhoHasBegunIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		go overload(a, 2*time.Second)
		time.Sleep(500 * time.Millisecond)
		var firsts, laters []*worker
		for range 100 {
			first, later := &worker{}, &worker{}
			firsts, laters = append(firsts, first), append(laters, later)
			go func() {
				ctx := WithTicket(t.Context(), &Ticket{})
				first.work(ctx, a, 0)
				later.err = first.err
				for again := 20; again > 0 && later.err == nil; again-- {
					later.work(ctx, a, 0)
				}
			}()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		begun := served(firsts)
		if n := served(laters); n != begun || begun < 10 || begun > 90 {
			t.Errorf("%d of 100 strangers begin, %d of them end", begun, n)
		}
	})
}

// Members are looked up first: that they have begun at little must not let them wait
// for what is dear until all are too late.
func TestMembersWaitForWhatIsDearAsOthersDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lookUps, searches := NewAdmission(1, 1), NewAdmission(1, 2)
		var all []*worker
		for range 1000 {
			for range 3 {
				w := &worker{}
				all = append(all, w)
				go func() {
					ctx := WithTicket(t.Context(), &Ticket{Member: true})
					(&worker{}).work(ctx, lookUps, 0)
					if w.work(ctx, searches, time.Millisecond); w.err == nil {
						(&worker{}).work(ctx, lookUps, 0)
					}
				}()
			}
			time.Sleep(time.Millisecond)
		}
		pass(5 * time.Second)
		for i, w := range all[300:] {
			if w.waited > refusalTime+refusalBatch/2+patience || w.err == nil && w.waited > patience+time.Millisecond {
				t.Fatalf("the %d. waits for %v: %v", i, w.waited, w.err)
			}
		}
		if n := served(all[300:]); n < 850 {
			t.Errorf("%d are served in 0.9 s", n)
		}
	})
}

func TestTheLineIsFullInOverloadOnceEnoughWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(2, 1)
		crowd(a, 2, false, time.Hour)
		synctest.Wait() // all places are taken
		crowd(a, 200, false, 0)
		synctest.Wait()
		if a.Full(false) {
			t.Error("a burst is no overload")
		}
		pass(standingTime + time.Millisecond)
		crowd(a, 1, false, 0)
		synctest.Wait()
		if a.Full(false) {
			t.Error("full, with one who waits")
		}
		crowd(a, enough*2-1, false, 0)
		synctest.Wait()
		if !a.Full(false) {
			t.Error("not full, with enough who wait for each place")
		}
		if a.Full(true) {
			t.Error("strangers keep members out")
		}
		crowd(a, enough*2, true, 0)
		synctest.Wait()
		if !a.Full(true) {
			t.Error("not full for members, with enough of them who wait for each place")
		}
		pass(longestWait + calmTime)
		crowd(a, 10, false, 0)
		synctest.Wait()
		if a.Full(false) {
			t.Error("full long after the last refusal")
		}
		pass(time.Hour)
	})
}

// Where everybody is kept from the line, nobody is refused in it.
func TestWhoIsKeptFromTheLineKeepsUpTheOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, told := range []bool{false, true} {
			a := NewAdmission(1, 1)
			overload(a, 200*time.Millisecond)
			for range 10 {
				pass(calmTime / 2)
				if told {
					a.Refused()
				}
			}
			crowd(a, 1, false, time.Hour)
			synctest.Wait() // he has the place before the others come
			crowd(a, enough, false, 0)
			synctest.Wait()
			if a.Full(false) != told {
				t.Errorf("told %v: full %v", told, !told)
			}
			pass(time.Hour)
		}
	})
}

func TestAdmissionIsAsBeforeWithinFiveSecondsOfOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		overload(a, time.Second)
		time.Sleep(3 * time.Second)
		burst := crowd(a, standingLine, false, 2*time.Millisecond) // who would have to wait for 128 ms
		pass(time.Second)
		if n := served(burst); n != standingLine || a.strict {
			t.Errorf("%d of %d are served, strict %v", n, standingLine, a.strict)
		}
	})
}

func TestWhoLeavesTheLineTakesNobodysPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		ctx, cancel := context.WithCancel(WithTicket(t.Context(), &Ticket{}))
		first := crowd(a, 1, false, 100*time.Millisecond)
		synctest.Wait()
		gone := &worker{}
		go gone.work(ctx, a, 0)
		synctest.Wait()
		last := crowd(a, 1, false, 0)
		time.Sleep(50 * time.Millisecond)
		cancel()
		pass(time.Second)
		if !errors.Is(gone.err, context.Canceled) || gone.waited != 50*time.Millisecond {
			t.Errorf("who leaves gets %v after %v", gone.err, gone.waited)
		}
		if served(first) != 1 || served(last) != 1 || a.free != 1 || a.length != 0 {
			t.Errorf("%d and %d are served, %d free, %d waiting", served(first), served(last), a.free, a.length)
		}
	})
}

func TestWhoIsCalledJustAsHeGivesUpHasHisPlace(t *testing.T) {
	a := NewAdmission(1, 1)
	if a.enter(stranger) != nil {
		t.Fatal("the first waits")
	}
	second := a.enter(stranger)
	a.leave()
	if err := a.giveUp(stranger, second, context.Canceled); err != nil {
		t.Errorf("the second gives up: %v", err)
	}
	a.leave()
	if a.free != 1 || a.length != 0 {
		t.Errorf("%d free, %d waiting", a.free, a.length)
	}
}

func TestWaitingHasAnEndWithoutOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAdmission(1, 1)
		crowd(a, 1, false, time.Minute)
		synctest.Wait()
		w := &worker{}
		w.work(WithTicket(t.Context(), &Ticket{}), a, 0)
		if !errors.Is(w.err, ErrBusy) || w.waited != longestWait {
			t.Errorf("%v after %v", w.err, w.waited)
		}
		pass(time.Minute)
	})
}

func TestTheProgramsOwnWorkIsNeitherCountedNorRefused(t *testing.T) {
	a := NewAdmission(0, 1)
	leave, err := a.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leave()
	if a.free != 0 {
		t.Errorf("%d free", a.free)
	}
}

func BenchmarkEnter(b *testing.B) {
	a := NewAdmission(1, 1)
	ctx := WithTicket(b.Context(), &Ticket{})
	for b.Loop() {
		leave, err := a.Enter(ctx)
		if err != nil {
			b.Fatal(err)
		}
		leave()
	}
}
