package observability

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	dto "github.com/prometheus/client_model/go"

	"inkstone/internal/enginetest"
)

// expression is a query and where it stands.
type expression struct{ where, text string }

// variables are what Grafana puts in.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$instance", ".*")

func expressions(t *testing.T) (all []expression) {
	t.Helper()
	for _, r := range rules(t) {
		all = append(all, expression{r.Record + r.Alert, r.Expr})
	}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				all = append(all, expression{d.path + ": " + p.Title, variables.Replace(q.Expr)})
			}
		}
		for _, q := range d.Annotations.List {
			if q.Expr != "" {
				all = append(all, expression{d.path + ": annotation", variables.Replace(q.Expr)})
			}
		}
	}
	return all
}

// The parser of names below knows more than PromQL; Prometheus' own does not.
func TestPrometheusUnderstandsEveryQueryOfTheDashboards(t *testing.T) {
	promtool := enginetest.Program(t, "promtool")
	var file strings.Builder
	file.WriteString("groups:\n- name: dashboards\n  rules:\n")
	for i, e := range expressions(t) {
		fmt.Fprintf(&file, "  - record: panel%d\n    labels: {where: %q}\n    expr: %q\n", i, e.where, e.text)
	}
	path := filepath.Join(t.TempDir(), "dashboards.yml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, promtool, "check", "rules", path)
}

// A metric that nobody exposes is a panel without data and an alert that never fires.
func TestRulesAndDashboardsNameOnlyMetricsThatTheProgramExposes(t *testing.T) {
	known := knownSeries(t)
	for _, e := range expressions(t) {
		parsed, err := metricsql.Parse(e.text)
		if err != nil {
			t.Errorf("%s: %v", e.where, err)
			continue
		}
		metricsql.VisitAll(parsed, func(part metricsql.Expr) {
			switch part := part.(type) {
			case *metricsql.MetricExpr:
				checkSelector(t, e, part, known)
			case *metricsql.AggrFuncExpr:
				checkGrouping(t, e, part, known)
			}
		})
	}
}

var codeSpan = regexp.MustCompile("`([a-z_]+)[`{]")

func TestTheRunbookNamesOnlyMetricsThatTheProgramExposes(t *testing.T) {
	known, named := knownSeries(t), 0
	for line := range strings.Lines(read(t, "../../docs/runbook.md")) {
		if !strings.HasPrefix(line, "- 指标 ") {
			continue
		}
		for _, m := range codeSpan.FindAllStringSubmatch(line, -1) {
			named++
			if known[m[1]] == nil && known[m[1]+"_count"] == nil {
				t.Errorf("nobody exposes %s", m[1])
			}
		}
	}
	if named == 0 {
		t.Error("it names none")
	}
}

// labelled is a metric's labels with the values that were seen; nil for any.
type labelled map[string]map[string]bool

// given are the labels that Prometheus adds.
var given = []string{"job", "instance"}

// knownSeries are the names that a query may use, each with its labels: what the program
// exposes, what rules record of it, and Prometheus' own.
func knownSeries(t *testing.T) map[string]labelled {
	t.Helper()
	known := map[string]labelled{"up": {}, "ALERTS": {"alertname": nil, "alertstate": nil, "severity": nil}}
	for name, family := range scrape(t) {
		labels := labelsOf(family)
		switch family.GetType() {
		case dto.MetricType_HISTOGRAM:
			known[name+"_sum"], known[name+"_count"] = labels, labels
			known[name+"_bucket"] = with(labels, "le")
		case dto.MetricType_SUMMARY:
			known[name+"_sum"], known[name+"_count"] = labels, labels
			known[name] = with(labels, "quantile")
		default:
			known[name] = labels
		}
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			known[r.Record] = labelled{"engine": nil} // the most that a rule keeps
		}
	}
	for name, labels := range known {
		known[name] = with(labels, given...)
	}
	return known
}

func labelsOf(family *dto.MetricFamily) labelled {
	labels := labelled{}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			if labels[l.GetName()] == nil {
				labels[l.GetName()] = map[string]bool{}
			}
			labels[l.GetName()][l.GetValue()] = true
		}
	}
	return labels
}

func with(labels labelled, names ...string) labelled {
	more := maps.Clone(labels)
	for _, name := range names {
		more[name] = nil
	}
	return more
}

func checkSelector(t *testing.T, e expression, m *metricsql.MetricExpr, known map[string]labelled) {
	t.Helper()
	for _, filters := range m.LabelFilterss {
		if len(filters) == 0 || filters[0].Label != "__name__" {
			t.Errorf("%s: a selector without a name", e.where)
			continue
		}
		name := filters[0].Value
		labels, ok := known[name]
		if !ok {
			t.Errorf("%s: nobody exposes %s", e.where, name)
			continue
		}
		for _, f := range filters[1:] {
			values, ok := labels[f.Label]
			if !ok {
				t.Errorf("%s: %s has no label %s", e.where, name, f.Label)
			}
			if exact := !f.IsRegexp && !f.IsNegative; exact && values != nil && !values[f.Value] {
				t.Errorf("%s: no %s has %s=%q, only %v", e.where, name, f.Label, f.Value, slices.Sorted(maps.Keys(values)))
			}
		}
	}
}

// checkGrouping holds "by (…)" against the labels of what is summed up.
func checkGrouping(t *testing.T, e expression, a *metricsql.AggrFuncExpr, known map[string]labelled) {
	t.Helper()
	have := map[string]bool{}
	for _, arg := range a.Args {
		metricsql.VisitAll(arg, func(part metricsql.Expr) {
			switch part := part.(type) {
			case *metricsql.MetricExpr:
				for label := range known[part.LabelFilterss[0][0].Value] {
					have[label] = true
				}
			case *metricsql.FuncExpr:
				if part.Name == "label_replace" {
					have[part.Args[1].(*metricsql.StringExpr).S] = true
				}
			}
		})
	}
	for _, label := range a.Modifier.Args {
		if !have[label] {
			t.Errorf("%s: nothing in it has the label %s", e.where, label)
		}
	}
}

// TestTheTableOfMetricsIsWhatTheProgramExposes holds docs/monitoring.md: a row of its
// table is a name, a type, labels and a meaning.
func TestTheTableOfMetricsIsWhatTheProgramExposes(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "../../docs/monitoring.md"), "| metric | type | labels | meaning |\n|---|---|---|---|\n")
	rows := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 {
			break
		}
		name := strings.Trim(cells[0], " `")
		if rows[name] != "" || len(strings.TrimSpace(cells[3])) < 10 {
			t.Errorf("%s is there twice, or without a meaning", name)
		}
		rows[name] = cells[1] + " | " + cells[2]
	}
	for name, family := range scrape(t) {
		prefix, _, _ := strings.Cut(name, "_")
		if slices.Contains([]string{"go", "process", "promhttp"}, prefix) {
			continue
		}
		var labels []string
		for _, label := range slices.Sorted(maps.Keys(labelsOf(family))) {
			labels = append(labels, "`"+label+"`")
		}
		want := strings.ToLower(family.GetType().String()) + " | " + cmp.Or(strings.Join(labels, ", "), "–")
		if rows[name] != want {
			t.Errorf("%s is %s, the table says %q", name, want, rows[name])
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("the table has %s, which is not exposed", name)
	}
}
