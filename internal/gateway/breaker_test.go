package gateway

import (
	"testing"
	"time"
)

// try lets so many requests end like this. It returns how many the breaker let in.
func (w *world) try(n int, v verdict) (in int) {
	for range n {
		if done, _, refused := w.allow(); !refused {
			in++
			done(v)
		}
	}
	return in
}

func (w *world) wantBreaker(t *testing.T, want breakerState) {
	t.Helper()
	if got := w.status().Breaker.State; got != string(want) {
		t.Errorf("the breaker is %s, want %s", got, want)
	}
}

func TestTheBreakerOpensWhenHalfOfManyFailed(t *testing.T) {
	w := newWorld()
	w.try(10, fine)
	w.try(9, failed)
	w.wantBreaker(t, closed)
	w.try(1, refused)
	w.wantBreaker(t, open)
	if done, retryIn, refused := w.allow(); !refused || done != nil || retryIn != w.o.breakerTime {
		t.Errorf("open: refused %v, retry in %v", refused, retryIn)
	}
	w.after(500 * time.Millisecond)
	if ms := w.status().Breaker.RetryInMs; ms != 1500 {
		t.Errorf("retry in %d ms", ms)
	}
}

func TestTheBreakerStaysClosedForFewOrOldOrFewerFailures(t *testing.T) {
	w := newWorld()
	w.try(19, failed)
	w.after(w.o.window)
	w.try(1, failed)
	w.wantBreaker(t, closed)
	w.after(w.o.window)
	w.try(100, fine)
	w.try(99, failed)
	w.wantBreaker(t, closed)
}

func TestFaultsOfClientsDoNotOpenTheBreaker(t *testing.T) {
	w := newWorld()
	if in := w.try(1000, unjudged); in != 1000 {
		t.Errorf("%d of 1000 were let in", in)
	}
	w.wantBreaker(t, closed)
}

func TestOneTrialDecidesWhetherTheBreakerCloses(t *testing.T) {
	w := newWorld()
	w.try(20, failed)
	w.after(w.o.breakerTime)
	trial, _, refused := w.allow()
	if refused {
		t.Fatal("no trial")
	}
	w.wantBreaker(t, halfOpen)
	if w.try(10, fine) != 0 {
		t.Error("others were let in during a trial")
	}
	trial(failed)
	w.wantBreaker(t, open)
	if w.after(w.o.breakerTime - 1); w.try(1, fine) != 0 {
		t.Error("a second trial came too soon")
	}
	w.after(1)
	w.try(1, fine)
	w.wantBreaker(t, closed)
	if in := w.try(19, failed); in != 19 {
		t.Errorf("%d of 19 were let in: what was before it opened still counts", in)
	}
	w.wantBreaker(t, closed)
}

func TestATrialThatSaysNothingIsFollowedByAnother(t *testing.T) {
	w := newWorld()
	w.try(20, failed)
	w.after(w.o.breakerTime)
	w.try(1, unjudged)
	w.wantBreaker(t, halfOpen)
	w.try(1, fine)
	w.wantBreaker(t, closed)
}

func TestATrialThatTakesLongIsFollowedByAnother(t *testing.T) {
	w := newWorld()
	w.try(20, failed)
	w.after(w.o.breakerTime)
	long, _, _ := w.allow()
	w.after(w.o.breakerTime)
	w.try(1, fine)
	w.wantBreaker(t, closed)
	long(failed)
	w.wantBreaker(t, closed)
}

func TestTheEndOfARequestFromBeforeIsNoTrial(t *testing.T) {
	w := newWorld()
	before, _, _ := w.allow()
	late, _, _ := w.allow()
	w.try(20, failed)
	before(fine)
	w.wantBreaker(t, open)
	w.after(w.o.breakerTime)
	w.allow()
	late(fine)
	w.wantBreaker(t, halfOpen)
}
