package background

import (
	"runtime"
	"syscall"
	"testing"
)

func TestWorkInTheBackgroundHasALowPriority(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := NewPool(1, 5)
	defer p.Close()
	own := nicenessHere(t)
	for name, do := range map[string]func(func()){
		"a pool":              p.Do,
		"a thread of its own": func(work func()) { Do(5, work) },
	} {
		there := 0
		do(func() { there = nicenessHere(t) })
		if there != min(own+5, 19) {
			t.Errorf("niceness %d in %s, %d outside", there, name, own)
		}
	}
}

func nicenessHere(t *testing.T) int {
	n, err := niceness(syscall.Gettid())
	if err != nil {
		t.Error(err)
	}
	return n
}
