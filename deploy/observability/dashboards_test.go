package observability

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

type dashboard struct {
	path string

	UID, Title    string
	SchemaVersion int
	Tags          []string
	Panels        []panel
	Annotations   struct{ List []query }
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
			Datasource datasource
		}
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               datasource
	Targets                  []query
}

type query struct {
	RefID, Expr string
	Datasource  datasource
}

type datasource struct{ Type, UID string }

func dashboards(t *testing.T) (all []dashboard) {
	t.Helper()
	for _, path := range files(t, "grafana/dashboards/*.json") {
		d := dashboard{path: filepath.Base(path)}
		if err := json.Unmarshal([]byte(read(t, path)), &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, d)
	}
	return all
}

var panelTypes = map[string]bool{"row": true, "timeseries": true, "stat": true, "table": true, "heatmap": true}

// chosen is the data source that the reader of a dashboard has chosen.
var chosen = datasource{"prometheus", "${datasource}"}

func TestDashboardsAreWhatGrafanaReads(t *testing.T) {
	uids := map[string]string{}
	for _, d := range dashboards(t) {
		if d.UID == "" || uids[d.UID] != "" || !strings.ContainsFunc(d.Title, isHan) || d.SchemaVersion != 39 || len(d.Tags) == 0 || len(d.Panels) == 0 {
			t.Errorf("%s: uid %q (also of %q), title %q, schema %d, tags %v, %d panels", d.path, d.UID, uids[d.UID], d.Title, d.SchemaVersion, d.Tags, len(d.Panels))
		}
		uids[d.UID] = d.path
		v := d.Templating.List
		if len(v) != 2 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[0].Query != "prometheus" || v[1].Name != "instance" || v[1].Datasource != chosen {
			t.Errorf("%s: variables %+v", d.path, v)
		}
		for _, q := range d.Annotations.List {
			if q.Expr != "" && q.Datasource != chosen {
				t.Errorf("%s: annotation %+v", d.path, q)
			}
		}
		ids := map[int]bool{}
		for i, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: %s has id %d again", d.path, p.Title, p.ID)
			}
			ids[p.ID] = true
			checkPanel(t, d.path, p)
			for _, other := range d.Panels[:i] {
				if overlap(p, other) {
					t.Errorf("%s: %s lies on %s", d.path, p.Title, other.Title)
				}
			}
		}
	}
}

func checkPanel(t *testing.T, path string, p panel) {
	t.Helper()
	if !panelTypes[p.Type] || p.Title == "" {
		t.Errorf("%s: %q is a %q", path, p.Title, p.Type)
	}
	if g := p.GridPos; g.H < 1 || g.W < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
		t.Errorf("%s: %s is at %+v", path, p.Title, g)
	}
	if p.Type == "row" {
		return
	}
	if p.Description == "" || strings.ContainsFunc(p.Description, isHan) || p.Datasource != chosen || len(p.Targets) == 0 {
		t.Errorf("%s: %s: description %q, data source %v, %d targets", path, p.Title, p.Description, p.Datasource, len(p.Targets))
	}
	refs := map[string]bool{}
	for _, q := range p.Targets {
		if q.Expr == "" || q.Datasource != chosen || q.RefID == "" || refs[q.RefID] {
			t.Errorf("%s: %s: target %+v", path, p.Title, q)
		}
		refs[q.RefID] = true
	}
}

func overlap(a, b panel) bool {
	p, q := a.GridPos, b.GridPos
	return p.X < q.X+q.W && q.X < p.X+p.W && p.Y < q.Y+q.H && q.Y < p.Y+p.H
}

var panelInRunbook = regexp.MustCompile(`「([^」→]+) → ([^」]+)」`)

func TestTheRunbookPointsToPanelsThatThereAre(t *testing.T) {
	there := map[string]bool{}
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			there[strings.TrimPrefix(d.Title, "砚台 · ")+" → "+p.Title] = true
		}
	}
	found := panelInRunbook.FindAllStringSubmatch(read(t, "../../docs/runbook.md"), -1)
	if len(found) == 0 {
		t.Error("it points to none")
	}
	for _, m := range found {
		if !there[m[1]+" → "+m[2]] {
			t.Errorf("there is no panel %s", m[0])
		}
	}
}

func TestGrafanaIsProvisionedWithWhatTheDashboardsNeed(t *testing.T) {
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct{ Name, UID, Type, URL string }
	}
	readYAML(t, "grafana/provisioning/datasources/prometheus.yml", &sources)
	if len(sources.Datasources) != 1 || sources.APIVersion != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].UID == "" || sources.Datasources[0].URL == "" {
		t.Errorf("%+v", sources)
	}
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	readYAML(t, "grafana/provisioning/dashboards/inkstone.yml", &providers)
	if len(providers.Providers) != 1 || providers.APIVersion != 1 || providers.Providers[0].Type != "file" || providers.Providers[0].Options.Path == "" {
		t.Errorf("%+v", providers)
	}
}
