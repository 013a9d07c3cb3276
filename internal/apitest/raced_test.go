//go:build race

package apitest

// raced tells that the race detector is on. It makes this process some ten times slower,
// and sees nothing of another one.
const raced = true
