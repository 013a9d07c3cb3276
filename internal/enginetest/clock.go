package enginetest

import (
	"testing"
	"time"
	"unsafe"
)

// Clock is a clock that goes by hand. Its times have a monotonic reading, as time.Now's do, and what
// they say of day and hour can be set, as by NTP or an operator. It is not safe for concurrent use.
type Clock struct {
	t   testing.TB
	now time.Time
}

// NewClock makes one that stands at the time of today.
func NewClock(t testing.TB) *Clock { return &Clock{t, time.Now()} }

// Now returns its time.
func (c *Clock) Now() time.Time { return c.now }

// Pass lets time pass.
func (c *Clock) Pass(d time.Duration) { c.now = c.now.Add(d) }

// Set moves day and hour by whole seconds, while no time passes. No package makes such times, so
// it reaches into one: its first word has a bit for the monotonic reading, 33 with the seconds and
// 30 with the rest of them.
func (c *Clock) Set(by time.Duration) {
	c.t.Helper()
	before := c.now
	*(*uint64)(unsafe.Pointer(&c.now)) += uint64(by/time.Second) << 30
	if moved := c.now.Round(0).Sub(before.Round(0)); moved != by || c.now.Sub(before) != 0 {
		c.t.Fatalf("day and hour moved by %v instead of %v, and %v passed: a time is made otherwise now", moved, by, c.now.Sub(before))
	}
}
