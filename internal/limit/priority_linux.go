package limit

import "syscall"

// backgroundNice is how much nicer a thread in the background is than the process: it has a
// third of the share of one that is not, and is put aside as soon as such a one can run.
const backgroundNice = 5

// lowerPriority makes the calling thread nicer. On Linux that is a thread's own
// (setpriority(2), C library/kernel differences). A system that refuses it goes on as before.
func lowerPriority() {
	thread := syscall.Gettid()
	if nice, err := niceness(thread); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, thread, nice+backgroundNice) // 19 if that is more
	}
}

// niceness is that of a thread: the system call answers 20 minus it.
func niceness(thread int) (int, error) {
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	return 20 - n, err
}
