package web

import (
	"encoding/json"
	"testing"
	"time"

	"inkstone/internal/blog"
)

func TestATimeIsPrintedAsJavaScriptDoes(t *testing.T) {
	for at, want := range map[time.Time]string{
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC):                               `"2026-01-02T03:04:05.000Z"`,
		time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 8*60*60)):  `"2026-01-01T19:04:05.678Z"`,
		time.Date(2026, 12, 31, 23, 59, 59, 7_000_000, time.FixedZone("", -3600)): `"2027-01-01T00:59:59.007Z"`,
	} {
		if got, err := json.Marshal(Time(at)); err != nil || string(got) != want {
			t.Errorf("%v: %s, %v, want %s", at, got, err, want)
		}
	}
}

func TestPagesAreCountedSoThatTheLastMayBeShort(t *testing.T) {
	for total, want := range map[int64]int64{0: 0, 1: 1, 10: 1, 11: 2, 100: 10} {
		if got := NewPagination(blog.Page{Number: 1, Limit: 10}, total, nil); got.Pages != want || got.Total != total || got.Current != 1 {
			t.Errorf("of %d by tens: %+v, want %d pages", total, got, want)
		}
	}
	if got := NewPagination(blog.Page{Number: 7, Limit: 10, After: &blog.Cursor{}}, 100, nil); got.Current != 0 {
		t.Errorf("behind a cursor it is page %d", got.Current)
	}
}
