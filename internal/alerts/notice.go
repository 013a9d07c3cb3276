package alerts

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// notice is what Alertmanager posts, as far as it is used.
//
// Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
type notice struct {
	Version   string  `json:"version"`
	Truncated int     `json:"truncatedAlerts"` // left out by max_alerts
	Alerts    []alert `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// readNotice reads version 4, the only one since Alertmanager 0.5. What is urgent
// comes first: firing before resolved, and then by severity.
func readNotice(r io.Reader) (notice, error) {
	var n notice
	if err := json.NewDecoder(r).Decode(&n); err != nil {
		return n, fmt.Errorf("reading the notice: %w", err)
	}
	if n.Version != "4" || len(n.Alerts) == 0 {
		return n, errors.New("not a notice of Alertmanager in version 4")
	}
	slices.SortStableFunc(n.Alerts, func(a, b alert) int { return cmp.Compare(a.rank(), b.rank()) })
	return n, nil
}

func (a alert) firing() bool { return a.Status == "firing" }

func (a alert) rank() int {
	rank := 1 // a warning, and what we have no word for
	switch a.Labels["severity"] {
	case "critical":
		rank = 0
	case "info":
		rank = 2
	}
	if !a.firing() {
		rank += 3
	}
	return rank
}

// severities are the words for our rules' own; another's stands as it is.
var severities = map[string]string{"critical": "严重", "warning": "警告", "info": "提示"}

func (a alert) severity() string {
	s := a.Labels["severity"]
	return cmp.Or(severities[s], plain(s), "未分级")
}

func (a alert) state() string {
	if a.firing() {
		return "触发"
	}
	return "恢复"
}

func (a alert) summary() string {
	return cmp.Or(plain(a.Annotations["summary"]), plain(a.Labels["alertname"]))
}

// title is what a telephone shows of the message before it is opened.
func (n notice) title() string {
	if len(n.Alerts) == 1 && n.Truncated == 0 {
		a := n.Alerts[0]
		return fmt.Sprintf("[%s] %s：%s", a.state(), a.severity(), a.summary())
	}
	firing := n.firing()
	return fmt.Sprintf("砚台告警：%d 条触发，%d 条恢复", firing, len(n.Alerts)-firing)
}

func (n notice) firing() (count int) {
	for _, a := range n.Alerts {
		if a.firing() {
			count++
		}
	}
	return count
}

// urgency is that of the most urgent alert, which is the first: red, orange, blue, or green
// where all is over.
func (n notice) urgency() string {
	colours := [...]string{"red", "orange", "blue"}
	if rank := n.Alerts[0].rank(); rank < len(colours) {
		return colours[rank]
	}
	return "green"
}

// style is how a message is written.
type style struct {
	zone    *time.Location
	runbook string // address of docs/runbook.md; "": its sections are named without a link
	newline string // what a robot takes for one
}

// between stands between two alerts. Not all robots know a rule of Markdown's, and in some an
// empty line shows as none.
const between = "──────────"

// text writes as many alerts as fit into most bytes, each whole, and says how many are
// left out. One always fits: it has at most six lines of bounded length.
func (n notice) text(most int, s style) string {
	const forLeftOut = 64 // bytes
	var b strings.Builder
	shown := 0
	for _, a := range n.Alerts {
		block := strings.Join(a.lines(s), s.newline)
		if shown > 0 {
			block = s.newline + between + s.newline + block
		}
		if b.Len()+len(block)+forLeftOut > most {
			break
		}
		b.WriteString(block)
		shown++
	}
	if left := len(n.Alerts) - shown + n.Truncated; left > 0 {
		fmt.Fprintf(&b, "%s%s另有 %d 条未显示", s.newline, s.newline, left)
	}
	return b.String()
}

func (a alert) lines(s style) []string {
	lines := []string{fmt.Sprintf("**[%s] %s %s**", a.state(), a.severity(), plain(a.Labels["alertname"]))}
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, name+"："+value)
		}
	}
	add("摘要", a.summary()) // nothing of others begins a line: it could be a heading, a rule, a list
	add("实例", plain(a.Labels["instance"]))
	times := s.time(a.StartsAt)
	if !a.firing() {
		times += " 至 " + s.time(a.EndsAt)
	}
	add("时间", times)
	add("说明", plain(a.Annotations["description"]))
	add("处理", s.link(a.Annotations["runbook_url"]))
	return lines
}

func (s style) time(t time.Time) string {
	return t.In(s.zone).Format("2006-01-02 15:04:05 -07:00")
}

// link is to the runbook's section: as the rule gives it, or, where that only names the
// file and the section, below the address where people here read the file.
func (s style) link(runbook string) string {
	_, section, _ := strings.Cut(runbook, "#")
	if s.runbook != "" && !strings.Contains(runbook, "://") && section != "" {
		runbook = s.runbook + "#" + section
	}
	u, err := url.Parse(runbook)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || len(runbook) > 512 || strings.ContainsAny(runbook, "()<> ") || strings.ContainsFunc(runbook, unseen) {
		return plain(runbook)
	}
	return "[处理手册](" + runbook + ")"
}

// mostRunes bounds a text of an alert, so that one always fits into a message of WeCom.
const mostRunes = 150

// plain takes from a text what would be markup, a mention of somebody or a line of its
// own to one of the robots, what is not seen, and what is too long. An address remains: robots
// show it as it is, and a link of it.
func plain(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case unseen(r):
			return ' '
		case strings.ContainsRune("<>[]*`@~|\\", r):
			return r + '＜' - '<' // its full-width form
		}
		return r
	}, text))
	if runes := []rune(text); len(runes) > mostRunes {
		text = string(runes[:mostRunes-1]) + "…"
	}
	return text
}

// unseen tells what ends a line, turns its direction, or makes two texts look alike.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
