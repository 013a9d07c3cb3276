package limit

import (
	"runtime"
	"syscall"
	"testing"
)

func TestWorkInTheBackgroundHasALowPriority(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := NewBackground(1)
	defer b.Close()
	background, own := 0, nicenessHere(t)
	b.Do(func() { background = nicenessHere(t) })
	if background != min(own+backgroundNice, 19) {
		t.Errorf("niceness %d in the background, %d outside", background, own)
	}
}

func nicenessHere(t *testing.T) int {
	n, err := niceness(syscall.Gettid())
	if err != nil {
		t.Error(err)
	}
	return n
}
