package auth

import (
	"syscall"
	"testing"
)

func TestHashesYieldToWhateverElseRuns(t *testing.T) {
	var during int
	err := inBackground(func() (err error) {
		during, err = niceOfThread()
		return err
	})
	if err != nil || during < niceness {
		t.Errorf("a hash runs at niceness %d, %v", during, err)
	}
}

func niceOfThread() (int, error) {
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
	return 20 - n, err // the system call answers 20 less the niceness, lest it be negative
}
