package auth

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/blog"
)

// inBubble runs a test on a clock of its own, which goes on until all work has ended.
func inBubble(t *testing.T, test func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute)
		test(t)
	})
}

// inQueue has who work for a second, and returns how that ends.
func inQueue(ctx context.Context, q *queue, who Asker) <-chan error {
	end := make(chan error, 1)
	go func() { end <- q.do(ctx, who, func() error { time.Sleep(time.Second); return nil }) }()
	synctest.Wait()
	return end
}

func refused(t *testing.T, what string, end <-chan error) {
	t.Helper()
	select {
	case err := <-end:
		if blog.CodeOf(err) != blog.CodeBusy {
			t.Errorf("%s: %v", what, err)
		}
	default:
		t.Errorf("%s waits", what)
	}
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := &queue{workers: 2, average: time.Millisecond}
		for i := range 2 + maxQueue {
			inQueue(t.Context(), q, Asker{fmt.Sprint("account ", i), fmt.Sprint("address ", i)})
		}
		refused(t, "one more", inQueue(t.Context(), q, Asker{"me", "here"}))
	})
}

func TestALongWaitIsRefusedBeforeItBegins(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := &queue{workers: 1, average: maxWait / 2}
		for range 3 {
			inQueue(t.Context(), q, Asker{})
		}
		refused(t, "the fourth", inQueue(t.Context(), q, Asker{}))
	})
}

func TestWorkIsDoneInTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := &queue{workers: 1, average: time.Millisecond}
		first, second := inQueue(t.Context(), q, Asker{}), inQueue(t.Context(), q, Asker{})
		time.Sleep(time.Second)
		synctest.Wait()
		if len(first) != 1 || len(second) != 0 {
			t.Error("after a second not just the first is done")
		}
		if err := <-second; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if q.working != 0 || len(q.waiting) != 0 {
			t.Errorf("%d at work, %d waiting", q.working, len(q.waiting))
		}
	})
}

func TestWhoWaitsTooLongIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := &queue{workers: 1, average: time.Millisecond}
		for range 4 {
			inQueue(t.Context(), q, Asker{})
		}
		late := inQueue(t.Context(), q, Asker{})
		time.Sleep(maxWait)
		synctest.Wait()
		refused(t, "the fifth, after two seconds", late)
	})
}

func TestWhoLeavesTheQueueFreesHisPlace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := &queue{workers: 1, average: time.Millisecond}
		inQueue(t.Context(), q, Asker{})
		ctx, cancel := context.WithCancel(t.Context())
		gone := inQueue(ctx, q, Asker{})
		cancel()
		if err := <-gone; err != context.Canceled || len(q.waiting) != 0 {
			t.Errorf("%v, %d waiting", err, len(q.waiting))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if q.working != 0 {
			t.Errorf("%d at work", q.working)
		}
	})
}

func TestAFloodCrowdsItselfOut(t *testing.T) {
	for name, flood := range map[string]func(i int) Asker{
		"of one address":                  func(i int) Asker { return Asker{fmt.Sprint("account ", i), "bad"} },
		"on one account":                  func(i int) Asker { return Asker{"victim", fmt.Sprint("address ", i)} },
		"on one account, of one address":  func(int) Asker { return Asker{"victim", "bad"} },
		"on one account, of mine as well": func(int) Asker { return Asker{"victim", "here"} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				q := &queue{workers: 1, average: 100 * time.Millisecond}
				var last <-chan error
				for i := range 1 + maxQueue {
					last = inQueue(t.Context(), q, flood(i))
				}
				mine := inQueue(t.Context(), q, Asker{"me", "here"})
				if len(mine) != 0 {
					t.Fatalf("I am refused: %v", <-mine)
				}
				refused(t, "the last of the flood", last)
				refused(t, "one more of the flood", inQueue(t.Context(), q, flood(maxQueue+1)))
			})
		})
	}
}
