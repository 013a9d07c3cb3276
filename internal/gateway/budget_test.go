package gateway

import (
	"testing"
	"time"
)

func (w *world) begin(n int) {
	for range n {
		w.began()
	}
}

// retries takes what the budget gives, of a hundred.
func (w *world) retries() (n int) {
	for range 100 {
		if w.budget.take(w.now, false) {
			n++
		}
	}
	return n
}

func TestRetriesAreAFifthOfTheRequestsAndAtLeastThree(t *testing.T) {
	for requests, want := range map[int]int{0: 3, 1: 3, 15: 3, 19: 3, 20: 4, 24: 4, 25: 5, 100: 20, 499: 99} {
		w := newWorld()
		w.begin(requests)
		if got := w.retries(); got != want {
			t.Errorf("%d retries of %d requests, want %d", got, requests, want)
		}
		if s := w.status(); s.Requests != int64(requests) || s.Retries != int64(want) || s.RetriesRefused != int64(100-want) {
			t.Errorf("counted %+v", s)
		}
	}
}

func TestTheBudgetForgetsWhatIsOlderThanItsWindow(t *testing.T) {
	w := newWorld()
	w.begin(100)
	if got := w.retries(); got != 20 {
		t.Fatalf("%d retries at first", got)
	}
	w.after(5 * time.Second)
	w.begin(50)
	if got := w.retries(); got != 10 {
		t.Errorf("%d more for 50 more requests, want 10", got)
	}
	w.after(5 * time.Second) // the first hundred and their retries are gone
	if got := w.retries(); got != 0 {
		t.Errorf("%d retries more though no request came", got)
	}
	w.after(5 * time.Second)
	if got := w.retries(); got != 3 {
		t.Errorf("%d retries after a rest, want 3", got)
	}
}

func TestInALongRunRetriesAreNoMoreThanAFifth(t *testing.T) {
	w := newWorld()
	retries := 0
	for range 60_000 {
		w.began()
		if w.budget.take(w.now, false) {
			retries++
		}
		w.after(3 * time.Millisecond)
	}
	if retries > 60_000/5 || retries < 60_000/5*9/10 {
		t.Errorf("%d retries of 60000 requests that all ask for one", retries)
	}
}

func TestAWindowCountsWhatIsWithinIt(t *testing.T) {
	w := newWorld()
	win := newWindow(w.o)
	for second := range 40 {
		win.add(w.now, count{all: 2, marked: 1})
		want := min(second+1, steps)
		if got := win.at(w.now); got.all != 2*want || got.marked != want {
			t.Fatalf("after %d s: %+v, want %d", second, got, want)
		}
		w.after(time.Second)
	}
	w.after(time.Hour)
	if got := win.at(w.now); got.all != 0 || got.marked != 0 {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestWhatWasNeverSentTakesNoPlaceInTheBudget(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	tried := w.others("b")
	for range 50 {
		w.another(tried, true).done(fine)
	}
	if got := w.retries(); got != 3 {
		t.Errorf("%d retries are left, want 3", got)
	}
	if u := w.another(tried, false); u != nil {
		t.Error("a retry beyond the budget")
	}
	if s := w.status(); s.Retries != 53 || s.RetriesRefused == 0 || s.Instances[1].Requests != 50 {
		t.Errorf("%+v", s)
	}
}
