package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inkstone/internal/enginetest"
)

// What each request pays for is written by hand; it must not go its own way.
func TestALineOfARequestIsWhatSlogMakesOfItsAttributes(t *testing.T) {
	_, traced := (*Traces)(nil).Begin(httptest.NewRequest("GET", "/", nil), false)
	at := time.Date(2026, 5, 1, 2, 3, 4, 5_600_000, time.FixedZone("", 8*3600))
	for name, l := range map[string]RequestLine{
		"of nothing": {},
		"plain": {RequestID: "a", Trace: traced, Method: "GET", URL: "/api/posts?page=2", Route: "/api/posts", Status: 200, Took: 213_400 * time.Nanosecond,
			Bytes: 34720, IP: "192.0.2.1", UserAgent: "curl"},
		"of somebody, failed": {RequestID: "a", Trace: traced, Method: "PUT", URL: hostile, Route: "unmatched", Status: 500, Took: 90 * time.Minute,
			Bytes: -1, IP: "2001:db8::", UserAgent: "\xff" + hostile, UserID: "0192", Error: "broken\nhere"},
	} {
		write := func(handler func(io.Writer) slog.Handler) (out map[string]any) {
			var line bytes.Buffer
			h := handler(&line)
			l.Log(t.Context(), slog.New(h), slog.LevelWarn, at)
			if h, ok := h.(*jsonLines); ok {
				h.to.flush()
			}
			if err := json.Unmarshal(line.Bytes(), &out); err != nil || strings.Count(line.String(), "\n") != 1 {
				t.Fatalf("%s: %v in %s", name, err, line.String())
			}
			return out
		}
		want := write(func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) })
		want["timestamp"], want["level"], want["service"] = "2026-04-30T18:03:04.005Z", "warn", "inkstone"
		delete(want, "time")
		got := write(func(w io.Writer) slog.Handler { return newJSONLines(newLineWriter(w), slog.LevelInfo) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLinesOfRequestsAreWrittenSoonAndInOrder(t *testing.T) {
	var out buffer
	w := newLineWriter(&out)
	log := slog.New(newJSONLines(w, slog.LevelInfo))
	request := func(id string) {
		(&RequestLine{RequestID: id}).Log(t.Context(), log, slog.LevelInfo, time.Now())
	}
	ids := func() (got []string) {
		for _, line := range lines(t, out.String()) {
			got = append(got, line["requestId"].(string))
		}
		return got
	}
	request("1")
	enginetest.Within(t, time.Minute, "a line is written", func() bool { return len(ids()) == 1 })
	request("2")
	request("3")
	log.Warn("something else", "requestId", "4")
	request("5")
	w.flush()
	if diff := cmp.Diff([]string{"1", "2", "3", "4", "5"}, ids()); diff != "" {
		t.Error(diff)
	}
	for range 3 * mostHeldBack {
		request("more")
	}
	// As many may be under way to be written, and as many wait behind them.
	if n := len(ids()); n < 5+mostHeldBack {
		t.Errorf("of many lines more are held back than there is room for: %d are written", n)
	}
}

func TestLinesOfRequestsComeFromManyAtOnce(t *testing.T) {
	var out buffer
	w := newLineWriter(&out)
	log := slog.New(newJSONLines(w, slog.LevelInfo))
	var all sync.WaitGroup
	for one := range 8 {
		all.Go(func() {
			for n := range 500 {
				(&RequestLine{RequestID: strconv.Itoa(one), Bytes: int64(n)}).Log(t.Context(), log, slog.LevelInfo, time.Now())
				if n%50 == 0 {
					log.Warn("request", "requestId", strconv.Itoa(one), "bytes", n)
				}
			}
		})
	}
	all.Wait()
	w.flush()
	next := map[any]float64{}
	written := lines(t, out.String())
	for _, line := range written {
		if line["level"] == "warn" {
			next[line["requestId"]]-- // it is about the one before
		}
		if line["bytes"] != next[line["requestId"]] {
			t.Fatalf("%v comes after %v", line, next[line["requestId"]])
		}
		next[line["requestId"]]++
	}
	if len(written) != 8*510 {
		t.Errorf("%d lines", len(written))
	}
}

func TestATimestampHasMillisecondsAlways(t *testing.T) {
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(1_800_000_000, 999_999_999), time.Date(2026, 12, 31, 23, 59, 59, 7_000_000, time.FixedZone("", -7*3600)),
	} {
		if got, want := string(appendTimestamp(nil, at)), at.UTC().Format(timestamp); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func BenchmarkALineOfARequest(b *testing.B) {
	log := slog.New(newJSONLines(newLineWriter(io.Discard), slog.LevelInfo))
	_, traced := (*Traces)(nil).Begin(httptest.NewRequest("GET", "/", nil), false)
	b.ReportAllocs()
	for b.Loop() {
		l := RequestLine{RequestID: "VQZZEGABVR5XGK76QJRNUO7CP7", Trace: traced, Method: "GET", URL: "/api/posts?page=2", Route: "/api/posts", Status: 200,
			Took: 213 * time.Microsecond, Bytes: 34720, IP: "192.0.2.1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)"}
		l.Log(b.Context(), log, slog.LevelInfo, time.Now())
	}
}
