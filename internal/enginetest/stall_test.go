package enginetest

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAWaitHasItsBound(t *testing.T) {
	h := &heard{TB: t}
	asked := 0
	Within(h, time.Minute, "the third", func() bool { asked++; return asked == 3 })
	if h.said != "" {
		t.Error(h.said)
	}
	Within(h, 10*time.Millisecond, "the failure", func() bool { return h.said != "" }) // heard goes on after it
	if h.said == "" {
		t.Error("no bound")
	}
}

func TestOnlyAMachineThatStallsMayTryAgain(t *testing.T) {
	for bound, want := range map[time.Duration]int{time.Hour: 1, -1: 10} {
		h, tries := &heard{TB: t}, 0
		Undisturbed(h, bound, func() error { tries++; return errors.New("wrong") })
		if tries != want || h.said == "" {
			t.Errorf("with a bound of %v tried %d times, want %d; said %q", bound, tries, want, h.said)
		}
		h, tries = &heard{TB: t}, 0
		Undisturbed(h, bound, func() error {
			if tries++; tries == 1 && bound < 0 {
				return fmt.Errorf("try %d", tries)
			}
			return nil
		})
		if h.said != "" {
			t.Errorf("it went well, and said %q", h.said)
		}
	}
}
