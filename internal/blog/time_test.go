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
		if back := FromMillis(Millis(given)); back != want {
			t.Errorf("%v came back as %v", given, back)
		}
	}
}

func TestTimesAreWrittenInTheirLayout(t *testing.T) {
	east := time.FixedZone("+8", 8*3600)
	for _, moment := range []time.Time{
		{},
		time.Date(2026, 1, 2, 8, 3, 4, 0, east),
		time.Date(2026, 1, 2, 0, 0, 0, 1e6, time.UTC),
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 120e6, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 987e6, east),
		time.Date(12026, 1, 2, 3, 4, 5, 60e6, time.UTC),
	} {
		if got, want := string(AppendTime([]byte("at "), moment)), "at "+moment.UTC().Format(TimeLayout); got != want {
			t.Errorf("%v is written %s, want %s", moment, got, want)
		}
	}
}
