//go:build unix

package gateway

import (
	"syscall"
	"time"
)

// processTime is what this process has used of the CPU.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
