package blog

import (
	"math"
	"slices"
	"testing"
	"time"
)

// They stand in databases.
func TestTheNumbersOfTheStatusesStay(t *testing.T) {
	for number, status := range []Status{"", Draft, Published, Archived} {
		if got := status.Number(); got != number {
			t.Errorf("%q is %d, want %d", status, got, number)
		}
		if got := StatusOf(number); got != status {
			t.Errorf("%d is %q, want %q", number, got, status)
		}
	}
	if StatusOf(-1) != "" || StatusOf(4) != "" || Status("hidden").Number() != 0 {
		t.Error("a number or a status that there is not stands for one")
	}
}

func TestAPostIsDatedFromTheSecondMillisecondOf1970To2200(t *testing.T) {
	for date, good := range map[time.Time]bool{
		{}: true, time.UnixMilli(1): true, LatestDate.Add(-1): true,
		time.UnixMilli(0): false, time.UnixMilli(-1): false, LatestDate: false,
	} {
		p := Post{PublishedAt: date}
		if err := p.Created(Author{}); (err == nil) != good {
			t.Errorf("created with %v: %v", date, err)
		}
		p = Post{PublishedAt: date}
		if err := p.Updated(&Post{}); (err == nil) != good {
			t.Errorf("updated to %v: %v", date, err)
		}
	}
}

func TestADateRangeHoldsWholeMillisecondsAndNothingUndated(t *testing.T) {
	ms := time.Millisecond
	at := time.UnixMilli(1000)
	for _, c := range []struct {
		from, to  time.Time
		low, high int64
		ranged    bool
	}{
		{time.Time{}, time.Time{}, 1, math.MaxInt64, false},
		{at, at, 1000, 1000, true},
		{at.Add(1), at.Add(ms - 1), 1001, 1000, true},
		{at.Add(ms - 1), time.Time{}, 1001, math.MaxInt64, true},
		{time.Time{}, time.UnixMilli(-5), 1, -5, true},
		{time.UnixMilli(-5), time.UnixMilli(0), 1, 0, true},
	} {
		f := PostFilter{From: c.from, To: c.to}
		if low, high, ranged := f.Dated(); low != c.low || high != c.high || ranged != c.ranged {
			t.Errorf("%v to %v is %d to %d, %v", c.from, c.to, low, high, ranged)
		}
	}
}

func TestTagsThatNoPostBearsFindNothing(t *testing.T) {
	f := PostFilter{Tags: []string{"b", "", "a", "b", "nul\x00"}}
	if got := f.DistinctTags(); !slices.Equal(got, []string{"b", "a"}) || f.Nothing() {
		t.Errorf("tags %q", got)
	}
	for _, none := range []PostFilter{{Tags: []string{"", "nul\x00"}}, {Category: "nul\x00"}, {Status: "hidden"}, {Search: ParseQuery("?")}} {
		if !none.Nothing() {
			t.Errorf("%+v may find a post", none)
		}
	}
	if (&PostFilter{Status: Draft, Category: "生活"}).Nothing() {
		t.Error("a plain filter finds nothing")
	}
}

func TestAListIsCutBehindItsLimit(t *testing.T) {
	at := func(n int) *Cursor { return &Cursor{Int: int64(n)} }
	more := Listed[int]{Items: []int{7, 8, 9}}
	more.Cut(2, at)
	if !slices.Equal(more.Items, []int{7, 8}) || more.Next == nil || more.Next.Int != 8 {
		t.Errorf("cut to %v, next %v", more.Items, more.Next)
	}
	whole := Listed[int]{Items: []int{7, 8}}
	whole.Cut(2, at)
	if len(whole.Items) != 2 || whole.Next != nil {
		t.Errorf("cut to %v, next %v", whole.Items, whole.Next)
	}
}
