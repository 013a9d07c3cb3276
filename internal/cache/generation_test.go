package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// asking is data of which tests set the generation, and how often they were asked for it.
type asking struct {
	generation, asked atomic.Uint64
	hears             atomic.Bool
}

func (a *asking) ask(context.Context) (uint64, error) {
	a.asked.Add(1)
	return a.generation.Load(), nil
}

func current(t *testing.T, g *Generations) uint64 {
	t.Helper()
	n, err := g.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAGenerationIsAskedForOnceAsLongAsChangesAreHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a asking
		g := NewGenerations(a.ask, a.hears.Load)
		for range 3 {
			current(t, g)
		}
		if n := a.asked.Load(); n != 3 {
			t.Errorf("asked %d times while nothing is heard, want 3", n)
		}
		a.hears.Store(true)
		g.Changed()
		for range 3 {
			current(t, g)
		}
		if n := a.asked.Load(); n != 4 {
			t.Errorf("asked %d times, want 4", n)
		}
		a.generation.Store(7)
		g.Changed()
		if n := current(t, g); n != 7 {
			t.Errorf("%d after a change, want 7", n)
		}
	})
}

func TestAChangeWhoseNewsWereLostShowsWithinATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a asking
		a.hears.Store(true)
		g := NewGenerations(a.ask, a.hears.Load)
		current(t, g)
		a.generation.Store(7)
		time.Sleep(maxAge - 1)
		if n := current(t, g); n != 0 {
			t.Errorf("%d, and nothing was heard", n)
		}
		time.Sleep(time.Nanosecond)
		if n := current(t, g); n != 7 {
			t.Errorf("%d after %v, want 7", n, maxAge)
		}
	})
}

// What was asked before a change does not count after it, however late the answer came.
func TestAnAnswerThatAChangeOvertookIsNotKept(t *testing.T) {
	var a asking
	a.hears.Store(true)
	began, goOn := make(chan struct{}), make(chan struct{})
	slow := true
	g := NewGenerations(func(context.Context) (uint64, error) {
		n := a.generation.Load()
		if slow {
			slow = false
			close(began)
			<-goOn
		}
		return n, nil
	}, a.hears.Load)
	first := make(chan uint64, 1)
	go func() { n, _ := g.Current(context.Background()); first <- n }()
	<-began
	a.generation.Store(7)
	g.Changed()
	close(goOn)
	<-first
	if n := current(t, g); n != 7 {
		t.Errorf("%d, want 7", n)
	}
}

func TestAFailureToAskIsTold(t *testing.T) {
	away := errors.New("away")
	g := NewGenerations(func(context.Context) (uint64, error) { return 0, away }, func() bool { return true })
	for range 2 {
		if _, err := g.Current(t.Context()); !errors.Is(err, away) {
			t.Error(err)
		}
	}
}
