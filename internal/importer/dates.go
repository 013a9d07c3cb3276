package importer

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"inkstone/internal/blog"
)

// Bounds of a date's year, both included.
const (
	firstYear = 1970
	lastYear  = 2200
)

var chinese = strings.NewReplacer("年", "-", "月", "-", "日", " ", "号", " ", "时", ":", "点", ":", "分", ":", "秒", "", "：", ":")

var dateForm = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})` +
	`(?:[Tt\s]\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?)?` +
	`\s*(Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)?(?:\s+([A-Z]{2,5}))?$`)

// other forms that JavaScript, mail and English authors write
var otherForms = []string{
	time.RFC1123, time.RFC1123Z, time.UnixDate, time.RubyDate, time.ANSIC,
	"Mon Jan 2 2006 15:04:05 GMT-0700", "January 2, 2006", "Jan 2, 2006", "2 January 2006", "2 Jan 2006",
}

// parseDate reads a date in the forms that front matter knows; without a time
// it is midnight, without a zone it is in zone. The result is in UTC, to the millisecond.
func parseDate(s string, zone *time.Location) (time.Time, error) {
	bad := errRefused("无法识别的日期 " + strconv.Quote(cut(s, 40)))
	clean := strings.TrimRight(strings.TrimSpace(chinese.Replace(s)), ":")
	t, ok := numericDate(clean, zone)
	if !ok {
		t, ok = otherDate(clean, zone)
	}
	if !ok {
		return time.Time{}, bad
	}
	t = blog.ToMillisecond(t)
	if t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, errRefused("日期 " + strconv.Quote(cut(s, 40)) + " 不在 1970 至 2200 年之间")
	}
	return t, nil
}

func numericDate(s string, zone *time.Location) (time.Time, bool) {
	m := dateForm.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	if m[8] != "" {
		var ok bool
		if zone, ok = parseZone(m[8]); !ok {
			return time.Time{}, false
		}
	} else if m[9] != "" && m[9] != zone.String() {
		return time.Time{}, false // whose clock is that?
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v } // digits or nothing
	nanos, _ := strconv.Atoi((m[7] + "000000000")[:9])
	t := time.Date(n(1), time.Month(n(2)), n(3), n(4), n(5), n(6), nanos, zone)
	same := t.Month() == time.Month(n(2)) && t.Day() == n(3) && n(4) < 24 && n(5) < 60 && n(6) < 60
	return t, same
}

// parseZone reads Z, UTC, GMT, +8, +08, +0800 and +08:00.
func parseZone(s string) (*time.Location, bool) {
	if s[0] != '+' && s[0] != '-' {
		return time.UTC, true
	}
	digits := strings.ReplaceAll(s[1:], ":", "")
	hours, minutes := digits, "0"
	if len(digits) > 2 {
		hours, minutes = digits[:len(digits)-2], digits[len(digits)-2:]
	}
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	seconds := (h*60 + m) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), h <= 14 && m < 60
}

func otherDate(s string, zone *time.Location) (time.Time, bool) {
	s, _, _ = strings.Cut(s, " (")
	for _, form := range otherForms {
		t, err := time.ParseInLocation(form, s, zone)
		if err != nil {
			continue
		}
		// Go puts a name that it does not know at no offset.
		if name, offset := t.Zone(); offset != 0 || name == "" || name == "UTC" || name == "GMT" {
			return t, true
		}
	}
	return time.Time{}, false
}
