package blog

import (
	"testing"
	"time"
)

func TestTimesAreCutToTheMillisecondAndKeptInUTC(t *testing.T) {
	east := time.FixedZone("+8", 8*3600)
	for given, want := range map[time.Time]time.Time{
		{}: {},
		time.Date(2026, 1, 2, 8, 0, 0, 999_999_999, east):        time.Date(2026, 1, 2, 0, 0, 0, 999e6, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 1_500_000, time.UTC): time.Date(1969, 12, 31, 23, 59, 59, 1e6, time.UTC),
	} {
		if got := ToMillisecond(given); got != want {
			t.Errorf("%v became %v", given, got)
		}
		if ms := Millis(given); !want.IsZero() && ms != want.UnixMilli() || want.IsZero() && ms != 0 {
			t.Errorf("%v is %d ms", given, ms)
		}
	}
}
