package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

type duration = time.Duration

const (
	millisecond = time.Millisecond

	second = time.Second
	minute = time.Minute
	hour   = time.Hour
	day    = 24 * hour
	week   = 7 * day
	year   = 8766 * hour // 365.25 days
)

// spans are the units of the ms notation, in its spellings.
//
// Source: https://github.com/vercel/ms
var spans = map[string]time.Duration{
	"": time.Millisecond, "ms": time.Millisecond, "msec": time.Millisecond, "msecs": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": second, "sec": second, "secs": second, "second": second, "seconds": second,
	"m": minute, "min": minute, "mins": minute, "minute": minute, "minutes": minute,
	"h": hour, "hr": hour, "hrs": hour, "hour": hour, "hours": hour,
	"d": day, "day": day, "days": day,
	"w": week, "week": week, "weeks": week,
	"y": year, "yr": year, "yrs": year, "year": year, "years": year,
}

var sizes = map[string]int64{"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}

// parseSpan reads a duration in the ms notation: a decimal number with an
// optional unit, blanks between them allowed. A number alone is milliseconds.
func parseSpan(s string) (time.Duration, bool) {
	n, unit := splitUnit(s)
	scale, ok := spans[unit]
	v := n * float64(scale)
	if !ok || math.IsNaN(v) || v > math.MaxInt64/2 {
		return 0, false
	}
	return time.Duration(v), true
}

// writeSpan writes a duration as parseSpan reads it, in the largest unit that fits.
func writeSpan(d time.Duration) string {
	for _, u := range []string{"y", "d", "h", "m", "s"} {
		if d != 0 && d%spans[u] == 0 {
			return strconv.FormatInt(int64(d/spans[u]), 10) + u
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// parseSize reads a number of bytes with an optional unit of 1024s.
func parseSize(s string) (int64, bool) {
	n, unit := splitUnit(s)
	scale, ok := sizes[unit]
	v := n * float64(scale)
	if !ok || math.IsNaN(v) || v > math.MaxInt64/2 {
		return 0, false
	}
	return int64(v), true
}

// splitUnit returns NaN for a number that cannot be read.
func splitUnit(s string) (float64, string) {
	s = strings.TrimSpace(s)
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := strings.ToLower(s[len(digits):])
	digits = strings.TrimSpace(digits)
	if strings.Trim(digits, "0123456789.") != "" {
		return math.NaN(), unit
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return math.NaN(), unit
	}
	return n, unit
}
