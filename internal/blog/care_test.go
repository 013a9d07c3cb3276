package blog

import (
	"testing"
	"time"
)

func TestAQuantileIsTrueToTheWidthOfAClass(t *testing.T) {
	var s Spread
	if got := s.Quantile(0.95); got != 0 {
		t.Errorf("of none: %v", got)
	}
	for i := range 100 {
		s.Add(time.Duration(i+1) * 10 * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond, 1: time.Second} {
		if got := s.Quantile(q); got < want || float64(got) > 1.2*float64(want) {
			t.Errorf("quantile %v: %v, want %v to 19 %% more", q, got, want)
		}
	}
}

func TestWhatIsTooShortOrTooLongForASpreadIsCountedAtItsEnds(t *testing.T) {
	var s Spread
	for _, d := range []time.Duration{-1, 0, 1, time.Microsecond, 24 * time.Hour} {
		s.Add(d)
	}
	if s[0] != 4 || s[len(s)-1] != 1 {
		t.Errorf("%v", s)
	}
}

func TestTheLastOfAKindIsItsSample(t *testing.T) {
	now := time.Now()
	s := SlowStatement{Count: 1, Rows: 2, Total: 3, Max: 3, Sample: "a", Last: now}
	s.Add(SlowStatement{Count: 1, Rows: 1, Total: 5, Max: 5, Sample: "b", Last: now.Add(time.Second)})
	s.Add(SlowStatement{Count: 1, Rows: 1, Total: 1, Max: 1, Sample: "c", Last: now})
	if s.Count != 3 || s.Rows != 4 || s.Total != 9 || s.Max != 5 || s.Sample != "b" || !s.Last.Equal(now.Add(time.Second)) {
		t.Errorf("%+v", s)
	}
}
