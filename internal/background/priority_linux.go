package background

import "syscall"

// lowerPriority makes the calling thread nicer by nice, for good. On Linux that is a
// thread's own (setpriority(2), C library/kernel differences). A system that refuses it
// goes on as before: it costs the others some of their pace and nothing else.
func lowerPriority(nice int) {
	thread := syscall.Gettid()
	if own, err := niceness(thread); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, thread, own+nice) // 19 if that is more
	}
}

// niceness is that of a thread: the system call answers 20 minus it.
func niceness(thread int) (int, error) {
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	return 20 - n, err
}
