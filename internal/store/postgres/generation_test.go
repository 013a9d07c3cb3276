package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever asks after a change sees it, though others' statement is under way.
func TestAGenerationIsNeverOlderThanTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, asked atomic.Uint64
		g := &generations{ask: func() (uint64, error) {
			asked.Add(1)
			seen := now.Load()
			time.Sleep(time.Second) // the answer is under way
			return seen, nil
		}}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 10 {
					want := now.Add(1)
					if got, err := g.read(t.Context()); err != nil || got < want {
						t.Errorf("generation %d, %v after %d", got, err, want)
					}
				}
			})
		}
		wg.Wait()
		if n := asked.Load(); n > 25 {
			t.Errorf("asked %d times for 500 who came by fifties", n)
		}
	})
}

func TestWhoGivesUpWaitsNotForTheGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("away")
		g := &generations{ask: func() (uint64, error) { time.Sleep(time.Minute); return 0, failed }}
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.read(hurried); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if _, err := g.read(t.Context()); !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
	})
}
