//go:build !linux

package background

// lowerPriority does nothing: a single thread has no priority of its own here, or none
// that Go's standard library can set.
func lowerPriority(int) {}
