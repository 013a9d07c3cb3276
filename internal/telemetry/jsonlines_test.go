package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

type valued struct{}

func (valued) LogValue() slog.Value { return slog.StringValue("resolved") }

func TestEveryKindOfValueIsJSON(t *testing.T) {
	at := time.Date(2026, 5, 1, 2, 3, 4, 5_600_000, time.FixedZone("", 8*3600))
	var out bytes.Buffer
	log := slog.New(newJSONLines(newLineWriter(&out), slog.LevelInfo)).With("with", 1).WithGroup("g").With("inner", 2)
	log.Info("a \"message\"", "text", "中文 <&>", "int", -1, "uint", uint64(math.MaxUint64), "bool", true, "float", 0.25, "nan", math.NaN(), "duration", 90*time.Second,
		"time", at, "error", errors.New("broken\nhere"), "stringer", &url.URL{Host: "x"}, "nil", nil, "nothing", (*url.URL)(nil), "list", []int{1}, "map", map[string]string{"a": "b"},
		"channel", make(chan int), "valued", valued{}, slog.Group("h", "x", 1), slog.Group("", "y", 2), slog.Attr{}, "token", "secret")
	log.Debug("not shown")
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if _, err := time.Parse(time.RFC3339Nano, got["timestamp"].(string)); err != nil || !strings.HasSuffix(got["timestamp"].(string), "Z") {
		t.Errorf("timestamp %v", got["timestamp"])
	}
	if s, _ := got["g.channel"].(string); s == "" {
		t.Errorf("a channel is %v", got["g.channel"])
	}
	if s, _ := got["g.nothing"].(string); !strings.HasPrefix(s, "!PANIC") {
		t.Errorf("a nil is %v", got["g.nothing"])
	}
	delete(got, "timestamp")
	delete(got, "g.channel")
	delete(got, "g.nothing")
	want := map[string]any{
		"level": "info", "msg": "a \"message\"", "service": "inkstone", "with": 1.0, "g.inner": 2.0, "g.text": "中文 <&>", "g.int": -1.0, "g.uint": float64(math.MaxUint64),
		"g.bool": true, "g.float": 0.25, "g.nan": "NaN", "g.duration": "1m30s", "g.time": "2026-04-30T18:03:04.005Z", "g.error": "broken\nhere", "g.stringer": "//x", "g.nil": nil,
		"g.list": []any{1.0}, "g.map": map[string]any{"a": "b"}, "g.valued": "resolved", "g.h.x": 1.0, "g.y": 2.0, "g.token": "***",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzATextInALineIsThatText(f *testing.F) {
	for _, s := range []string{"", "plain", hostile, "\xff\xfe", `"\`, "中\u2029文", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := appendText(nil, s)
		var got string
		if err := json.Unmarshal(line, &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") && utf8.ValidString(s) {
			t.Errorf("%q is written %s, read %q (%v)", s, line, got, err)
		}
		if strings.IndexFunc(string(line), hidden) >= 0 || !utf8.Valid(line) {
			t.Errorf("%q is written %q", s, line)
		}
	})
}
