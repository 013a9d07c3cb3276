// Package cputime is the clock of the benchmarks: on a shared machine the processor
// time that a process has used is steadier than the time that has passed.
package cputime

import "time"

// Used is what this process has used so far, user and system; 0 where it is not known (Windows).
func Used() time.Duration { return used() }
