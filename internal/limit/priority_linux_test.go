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
	background := 0
	b.Do(func() { background = niceness(t) })
	if own := niceness(t); background != min(backgroundNice, 19) || own >= background {
		t.Errorf("niceness %d in the background, %d outside", background, own)
	}
}

// niceness is that of the calling thread: the system call answers 20 minus it.
func niceness(t *testing.T) int {
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	return 20 - n
}
