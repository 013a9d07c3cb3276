package blog

import "time"

// TimeLayout is how a time is written for others, as JavaScript prints it: RFC 3339
// with milliseconds. The time must be in UTC: the layout's Z stands for itself.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// AppendTime appends t, whatever its zone, in TimeLayout. The time package is quick with
// plain RFC 3339 only, and a list has thirty times.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = t.AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-1], '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10), 'Z')
}

// ToMillisecond returns t as it is kept: in UTC, cut to the millisecond.
func ToMillisecond(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Millis returns t in Unix milliseconds; 0 for the zero time.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// FromMillis is the reverse of Millis: as 0 stands for the zero time, the first
// millisecond of 1970 cannot be kept.
func FromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
