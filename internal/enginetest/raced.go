//go:build race

package enginetest

// Raced tells that the race detector is on. It makes this process some ten times slower,
// and sees nothing of another one: of what a test asks a database or a program to do.
const Raced = true
