package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// beijing is the zone of the messages.
var beijing = time.FixedZone("", 8*60*60)

func firing(name string) alert {
	return alert{
		Status: "firing", StartsAt: time.Date(2026, 11, 26, 15, 0, 0, 0, time.UTC),
		Labels:      map[string]string{"alertname": name, "severity": "critical", "instance": "10.0.0.1:3000"},
		Annotations: map[string]string{"summary": "实例无法访问", "description": "已有一分钟", "runbook_url": "docs/runbook.md#inkstonedown"},
	}
}

func resolved(name string) alert {
	a := firing(name)
	a.Status, a.EndsAt = "resolved", a.StartsAt.Add(10*time.Minute)
	return a
}

// relay is one on the robots, and what it logs.
func relay(t *testing.T, robots []Robot) (*httptest.Server, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s := httptest.NewServer(Handler(Options{Robots: robots, Zone: beijing, Log: slog.New(slog.NewTextHandler(&log, nil))}))
	t.Cleanup(s.Close)
	return s, &log
}

func post(t *testing.T, s *httptest.Server, path string, alerts ...alert) int {
	t.Helper()
	body, err := json.Marshal(notice{Version: "4", Alerts: alerts})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(s.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

func TestEachRobotTakesTheMessageInItsOwnForm(t *testing.T) {
	f := newFakes(t)
	s, log := relay(t, f.robots())
	for _, name := range []string{"dingtalk", "feishu", "wecom"} {
		if got := post(t, s, "/"+name, resolved("InkstoneDown"), firing("InkstoneDown")); got != http.StatusNoContent {
			t.Fatalf("%s: %d\n%s", name, got, log)
		}
		said := f.said(name)
		for _, want := range []string{
			"[触发] 严重 InkstoneDown", "[恢复] 严重 InkstoneDown", "实例无法访问", "实例：10.0.0.1:3000", "时间：2026-11-26 23:00:00 +08:00",
			"2026-11-26 23:00:00 +08:00 至 2026-11-26 23:10:00 +08:00", "说明：已有一分钟", "处理：docs/runbook.md#inkstonedown",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("%s does not say %s:\n%s", name, want, said)
			}
		}
		if strings.Index(said, "[触发]") > strings.Index(said, "[恢复]") {
			t.Errorf("%s: what fires is not first:\n%s", name, said)
		}
	}
	if want := "red 砚台告警：1 条触发，1 条恢复"; !strings.HasPrefix(f.said("feishu"), want) {
		t.Errorf("%s", f.said("feishu"))
	}
	post(t, s, "/feishu", resolved("InkstoneDown"))
	if want := "green [恢复] 严重：实例无法访问"; !strings.HasPrefix(f.said("feishu"), want) {
		t.Errorf("%s", f.said("feishu"))
	}
}

func TestTheColourIsThatOfTheMostUrgentAlert(t *testing.T) {
	of := func(a alert, severity string) alert { a.Labels["severity"] = severity; return a }
	f := newFakes(t)
	s, _ := relay(t, f.robots())
	for want, alerts := range map[string][]alert{
		"red":    {of(firing("A"), "info"), of(firing("B"), "warning"), of(firing("C"), "critical"), resolved("D")},
		"orange": {of(firing("A"), "info"), of(firing("B"), "warning"), resolved("C")},
		"blue":   {resolved("A"), of(firing("B"), "info")},
		"green":  {resolved("A"), of(resolved("B"), "info")},
	} {
		post(t, s, "/feishu", alerts...)
		if got, _, _ := strings.Cut(f.said("feishu"), " "); got != want {
			t.Errorf("%s, want %s: %s", got, want, f.said("feishu"))
		}
	}
	post(t, s, "/feishu", of(firing("A"), "page"))
	if !strings.HasPrefix(f.said("feishu"), "orange") {
		t.Errorf("a severity that is none of ours: %s", f.said("feishu"))
	}
}

func TestALineIsBetweenTwoAlerts(t *testing.T) {
	f := newFakes(t)
	s, _ := relay(t, f.robots())
	for name, newline := range map[string]string{"dingtalk": "  \n", "feishu": "\n", "wecom": "\n"} {
		post(t, s, "/"+name, firing("A"), firing("B"), firing("C"))
		if n := strings.Count(f.said(name), newline+between+newline+"**[触发]"); n != 2 {
			t.Errorf("%s: %d between three alerts:\n%s", name, n, f.said(name))
		}
		post(t, s, "/"+name, firing("A"))
		if strings.Contains(f.said(name), between) {
			t.Errorf("%s: one alert is parted:\n%s", name, f.said(name))
		}
	}
}

// A robot answers 200 where it refuses; Alertmanager tries again only after 5xx.
func TestWhatARobotDoesNotTakeIs502AndTellsNoSecret(t *testing.T) {
	f := newFakes(t)
	strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robot/status":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/robot/html":
			fmt.Fprint(w, "<html>")
		case "/robot/away":
			http.Redirect(w, r, "/robot/taken?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		case "/robot/echo":
			fmt.Fprintf(w, `{"errcode":1,"errmsg":"no robot %s"}`, r.URL.RawQuery)
		case "/robot/taken":
			fmt.Fprint(w, `{"errcode":0}`)
		default:
			fmt.Fprint(w, `{}`)
		}
	}))
	defer strict.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, robot := range map[string]Robot{
		"wrong secret":  DingTalk(f.URL+"/robot/send?access_token="+token, "another-secret"),
		"wrong token":   DingTalk(f.URL+"/robot/send?access_token=another-token", dingTalkSecret),
		"no signature":  Feishu(f.URL+"/open-apis/bot/v2/hook/"+token, ""),
		"wrong key":     WeCom(f.URL + "/cgi-bin/webhook/send?key=another-key"),
		"nobody there":  WeCom(gone.URL + "/cgi-bin/webhook/send?key=" + token),
		"path is token": Feishu(gone.URL+"/open-apis/bot/v2/hook/"+token, feishuSecret),
		"no code":       WeCom(strict.URL + "/cgi-bin/webhook/send?key=" + token),
		"status":        WeCom(strict.URL + "/robot/status?key=" + token),
		"html":          WeCom(strict.URL + "/robot/html?key=" + token),
		"redirect":      WeCom(strict.URL + "/robot/away?key=" + token),
		"echo":          WeCom(strict.URL + "/robot/echo?key=" + token),
		"no address":    WeCom("http://h/%zz?key=" + token),
	} {
		s, log := relay(t, []Robot{robot})
		if got := post(t, s, "/"+robot.name, firing("A")); got != http.StatusBadGateway {
			t.Errorf("%s: %d", name, got)
		}
		if text := log.String(); !strings.Contains(text, "could not be delivered") || strings.Contains(text, token) || strings.Contains(text, "secret") || strings.Contains(text, feishuSecret) {
			t.Errorf("%s is logged as\n%s", name, text)
		}
	}
}

func TestWhatIsNoNoticeIsNotTriedAgain(t *testing.T) {
	s, _ := relay(t, newFakes(t).robots())
	for body, want := range map[string]int{
		"": 400, "{": 400, `{"version":"3","alerts":[{}]}`: 400, `{"version":"4"}`: 400,
		`{"version":"4","x":"` + strings.Repeat("x", mostBytes) + `"}`: 400,
		`{"version":"4","alerts":[{}]}`:                                204,
	} {
		r, err := http.Post(s.URL+"/wecom", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%.40s: %d, want %d", body, r.StatusCode, want)
		}
	}
	if got := post(t, s, "/slack", firing("A")); got != http.StatusNotFound {
		t.Errorf("another robot: %d", got)
	}
}

func TestALongNoticeFitsAndSaysWhatIsLeftOut(t *testing.T) {
	n := notice{Version: "4", Truncated: 7}
	for i := range 200 {
		n.Alerts = append(n.Alerts, firing(fmt.Sprintf("Alert%d", i)))
	}
	for _, most := range []int{4096, 4095, 4094, 16_000} {
		text := n.text(most, style{zone: beijing, newline: "\n"})
		shown := strings.Count(text, "**[触发]")
		if len(text) > most || shown < 10 || !utf8.ValidString(text) || !strings.HasSuffix(text, fmt.Sprintf("另有 %d 条未显示", 207-shown)) {
			t.Errorf("%d bytes of %d, %d shown: …%s", len(text), most, shown, text[len(text)-60:])
		}
	}
}

// Whatever an alert holds, one fits into the smallest message.
func TestOneAlertAlwaysFits(t *testing.T) {
	long := strings.Repeat("𠮷", 5000) // four bytes each
	a := alert{Status: "resolved",
		Labels:      map[string]string{"alertname": long, "severity": long, "instance": long},
		Annotations: map[string]string{"summary": long, "description": long, "runbook_url": long}}
	f := newFakes(t)
	s, log := relay(t, f.robots())
	for _, name := range []string{"dingtalk", "feishu", "wecom"} {
		if got := post(t, s, "/"+name, a, a, a, a, a, a, a, a); got != http.StatusNoContent {
			t.Errorf("%s: %d\n%s", name, got, log)
		}
		if said := f.said(name); !utf8.ValidString(said) || strings.ContainsRune(said, utf8.RuneError) || !strings.Contains(said, "𠮷…") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

func TestNoAlertForgesALineALinkOrAMention(t *testing.T) {
	a := firing("A")
	a.Labels["instance"] = "x\n**[恢复]** <@all> [b](http://evil.example) `c`"
	text := notice{Alerts: []alert{a}}.text(4096, style{zone: beijing, newline: "\n"})
	for _, bad := range []string{"**[恢复]", "<@", "](http", "`"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s in\n%s", bad, text)
		}
	}
	if !strings.Contains(text, "实例：x ＊＊［恢复］＊＊") {
		t.Error(text)
	}
	for _, hostile := range []string{"# x", "---", "> x", "- x", "1. x", "===", "<at id=all></at>", "<font color=red>x</font>", "~~x~~", "|a|b|", "![x](http://evil.example/a.png)", "@all"} {
		a = alert{Status: "firing", Labels: map[string]string{"alertname": hostile, "severity": hostile, "instance": hostile},
			Annotations: map[string]string{"summary": hostile, "description": hostile, "runbook_url": hostile}}
		text := notice{Alerts: []alert{a}}.text(4096, style{zone: beijing, newline: "\n"})
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "**[触发] ") && !strings.Contains(line, "：") || strings.HasPrefix(line, hostile) {
				t.Errorf("%s begins a line:\n%s", hostile, text)
			}
		}
		if strings.ContainsAny(text, "<>@~|") || strings.Contains(text, "](") {
			t.Errorf("%s became\n%s", hostile, text)
		}
	}
}

func TestNothingUnseenReachesARobot(t *testing.T) {
	const unseen = "a\u202eb\u2066c\u200bd\ufeffe\u00adf\u200d\U000e0041g\x00h\u0085i\u2028j"
	f := newFakes(t)
	s, _ := relay(t, f.robots())
	for _, runbook := range []string{unseen, "https://wiki.example/" + unseen[:10], "docs/runbook.md#" + unseen} {
		a := alert{Status: "firing", Labels: map[string]string{"alertname": unseen, "severity": unseen, "instance": unseen},
			Annotations: map[string]string{"summary": "\u200b " + unseen, "description": unseen, "runbook_url": runbook}}
		for _, name := range []string{"dingtalk", "feishu", "wecom"} {
			post(t, s, "/"+name, a)
			said := f.said(name)
			if strings.ContainsFunc(strings.ReplaceAll(said, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.Contains(said, "摘要：abcdefg h i j") {
				t.Errorf("%s says %q", name, said)
			}
		}
	}
}

func TestMessagesLinkToTheRunbookWhereItCanBeRead(t *testing.T) {
	const here = "https://git.example/docs/runbook.md"
	for runbook, want := range map[string]string{
		"docs/runbook.md#inkstonedown":       "[处理手册](" + here + "#inkstonedown)",
		"https://wiki.example/a#b":           "[处理手册](https://wiki.example/a#b)",
		"https://wiki.example/a)[x](http://": "https://wiki.example/a)［x］(http://",
		"https://wiki.example@evil.example/": "https://wiki.example＠evil.example/",
		"javascript:alert(1)":                "javascript:alert(1)",
		"":                                   "",
	} {
		if got := (style{runbook: here}).link(runbook); got != want {
			t.Errorf("%s: %s, want %s", runbook, got, want)
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, Handler(Options{})) }()
	r, err := http.Get("http://" + l.Addr().String() + "/livez")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r, err)
	}
	r.Body.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("still serving")
	}
}
