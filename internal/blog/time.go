package blog

import "time"

// TimeLayout is how a time is written for others, as JavaScript prints it: RFC 3339
// with milliseconds. The time must be in UTC: the layout's Z stands for itself.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// ToMillisecond returns t as it is kept: in UTC, cut to the millisecond.
func ToMillisecond(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Millis returns t in Unix milliseconds; 0 for the zero time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
