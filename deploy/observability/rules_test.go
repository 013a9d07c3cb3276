package observability

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	for _, path := range files(t, "prometheus/rules/*.yml") {
		var file struct{ Groups []struct{ Rules []rule } }
		readYAML(t, path, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func alerts(t *testing.T) (all []rule) {
	t.Helper()
	for _, r := range rules(t) {
		if r.Alert != "" {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

func TestEachAlertHasASeverityBothSummariesAndARunbook(t *testing.T) {
	for _, a := range alerts(t) {
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		for _, chinese := range []string{"summary", "description"} {
			if !strings.ContainsFunc(a.Annotations[chinese], isHan) {
				t.Errorf("%s: %s %q", a.Alert, chinese, a.Annotations[chinese])
			}
		}
		if en := a.Annotations["summary_en"]; len(en) < 10 || strings.ContainsFunc(en, isHan) {
			t.Errorf("%s: summary_en %q", a.Alert, en)
		}
		if got, want := a.Annotations["runbook_url"], "docs/runbook.md#"+strings.ToLower(a.Alert); got != want {
			t.Errorf("%s: runbook_url %q, want %q", a.Alert, got, want)
		}
	}
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

var heading = regexp.MustCompile(`(?m)^## (Inkstone\w+)$`)

// Whoever is woken by an alert finds what to do about it, in the order that he needs it.
func TestTheRunbookHasASectionForEachAlertAndForNothingElse(t *testing.T) {
	runbook := read(t, "../../docs/runbook.md")
	var want, got []string
	for _, a := range alerts(t) {
		want = append(want, a.Alert)
	}
	at := heading.FindAllStringSubmatchIndex(runbook, -1)
	for i, m := range at {
		name, end := runbook[m[2]:m[3]], len(runbook)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		got = append(got, name)
		checkSection(t, name, runbook[m[1]:end])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("sections %v\nalerts %v", got, want)
	}
}

func checkSection(t *testing.T, name, section string) {
	t.Helper()
	english, rest, _ := strings.Cut(strings.TrimSpace(section), "\n")
	if !strings.HasPrefix(english, "*") || !strings.HasSuffix(english, "*") || strings.ContainsFunc(english, isHan) {
		t.Errorf("%s begins with %q, and not with its summary in English", name, english)
	}
	before := 0
	for _, part := range []string{"**含义**", "**读者的感受**", "**先看**", "**处理**", "**可以不管**"} {
		at := strings.Index(rest, part)
		if at < before {
			t.Errorf("%s has no %s, or not in its place", name, part)
		}
		before = max(at, before)
	}
}

func TestTheGuideSaysWhyEachAlertHasItsThreshold(t *testing.T) {
	rows := map[string]string{}
	for line := range strings.Lines(read(t, "../../docs/monitoring.md")) {
		cells := strings.Split(line, " | ")
		if name, ok := strings.CutPrefix(cells[0], "| Inkstone"); ok && len(cells) == 4 {
			rows["Inkstone"+name] = cells[1]
		}
	}
	for _, a := range alerts(t) {
		if rows[a.Alert] != a.Labels["severity"] {
			t.Errorf("%s is %s, the guide says %q", a.Alert, a.Labels["severity"], rows[a.Alert])
		}
		delete(rows, a.Alert)
	}
	for name := range rows {
		t.Errorf("the guide has %s, which is no alert", name)
	}
}

// promtool runs the tests of rules; here it is held that there are some, both ways.
func TestEachAlertIsTestedBothWays(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, path := range files(t, "prometheus/tests/*.yml") {
		var file struct {
			Tests []struct {
				Name  string
				Rules []struct {
					Alert    string           `yaml:"alertname"`
					Expected []map[string]any `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			if test.Name == "" || len(test.Rules) == 0 {
				t.Errorf("%s: %q tests nothing", path, test.Name)
			}
			for _, r := range test.Rules {
				fires[r.Alert] = fires[r.Alert] || len(r.Expected) > 0
				if test.Name != "an older version without the metrics" { // which says nothing of a threshold
					silent[r.Alert] = silent[r.Alert] || len(r.Expected) == 0
				}
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: fires in a test %v, does not in another %v", a.Alert, fires[a.Alert], silent[a.Alert])
		}
		delete(fires, a.Alert)
	}
	for name := range fires {
		t.Errorf("%s is tested and is no alert", name)
	}
}

// What inhibits and is inhibited must exist, else a renamed rule says everything twice.
func TestAlertmanagerNamesOnlyAlertsThatThereAre(t *testing.T) {
	known := map[string]bool{}
	for _, a := range alerts(t) {
		known[a.Alert] = true
	}
	names := regexp.MustCompile(`Inkstone\w+`).FindAllString(read(t, "alertmanager/alertmanager.yml"), -1)
	if len(names) == 0 {
		t.Error("none is named")
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
}
