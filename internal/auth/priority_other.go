//go:build !linux

package auth

// yieldToOthers does nothing: other systems have no priority of a single thread
// that any process may lower.
func yieldToOthers() {}
