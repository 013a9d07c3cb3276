package limit

import "syscall"

// backgroundNice is how nice a thread in the background is: it has a third of the share of
// one that is not, and is put aside as soon as such a one can run.
const backgroundNice = 5

// lowerPriority makes the calling thread nicer. On Linux that is a thread's own
// (setpriority(2), C library/kernel differences). A system that refuses it goes on as before.
func lowerPriority() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), backgroundNice)
}
