package admin

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

const (
	mostPlans = 30   // of the slow kinds, those that took longest in all
	smallRows = 1000 // to read so few rows in full is quick, whatever is looked for
)

// IndexReport is the answer of indexes. What is not known is null.
type IndexReport struct {
	Since       *web.Time    `json:"since"` // since when uses are counted
	Indexes     []Index      `json:"indexes"`
	Unused      []string     `json:"unused"` // names of those that nothing used since, and that keep no rule
	Tables      []Table      `json:"tables"`
	FullScans   []FullScan   `json:"fullScans"`
	Suggestions []Suggestion `json:"suggestions"`
}

// Index is blog.TableIndex on the wire.
type Index struct {
	Name     string    `json:"name"`
	Table    string    `json:"table"`
	Columns  []string  `json:"columns"`
	Unique   bool      `json:"unique"`
	Referred bool      `json:"referred"` // it finds the rows that refer to one that is deleted
	Bytes    *int64    `json:"bytes"`
	Uses     int64     `json:"uses"`
	LastUsed *web.Time `json:"lastUsed"`
}

// Table is blog.Table on the wire.
type Table struct {
	Name  string `json:"name"`
	Rows  *int64 `json:"rows"`
	Bytes *int64 `json:"bytes"`
	Scans int64  `json:"scans"`
}

// FullScan is a slow kind of statement that reads a table in full.
type FullScan struct {
	Table     string       `json:"table"`
	Rows      *int64       `json:"rows"`
	Statement string       `json:"statement"`
	Count     int64        `json:"count"`
	TotalMs   float64      `json:"totalMs"`
	Routes    []RouteCount `json:"routes"`
	Plan      []string     `json:"plan"`
}

// Suggestion is an index that would help, and why.
type Suggestion struct {
	Table   string     `json:"table"`
	Columns []string   `json:"columns"`
	SQL     string     `json:"sql"`
	Reason  string     `json:"reason"`
	Because []FullScan `json:"because"`
}

// Indexes returns the indexes, which are unused, and which would help.
func (s *Service) Indexes(ctx context.Context) (r IndexReport, err error) {
	use, err := s.Care.Indexes(ctx)
	if err != nil {
		return r, err
	}
	r = newIndexReport(use)
	scans, err := s.fullScans(ctx, use)
	if err != nil {
		return r, err
	}
	state, err := s.Care.State(ctx)
	if err != nil {
		return r, err
	}
	for _, f := range scans {
		r.FullScans = append(r.FullScans, f.FullScan)
	}
	r.Suggestions = suggest(state.Engine, use, scans)
	return r, nil
}

func newIndexReport(use blog.IndexUse) IndexReport {
	r := IndexReport{Since: moment(web.Time(use.Since)), Indexes: []Index{}, Unused: []string{}, Tables: []Table{}, FullScans: []FullScan{}}
	slices.SortFunc(use.Indexes, func(a, b blog.TableIndex) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Name, b.Name))
	})
	for _, i := range use.Indexes {
		r.Indexes = append(r.Indexes, Index{i.Name, i.Table, i.Columns, i.Unique, i.Referred, known(i.Bytes), i.Uses, moment(web.Time(i.LastUsed))})
		if i.Uses == 0 && !i.Unique && !i.Referred {
			r.Unused = append(r.Unused, i.Name)
		}
	}
	slices.SortFunc(use.Tables, func(a, b blog.Table) int { return cmp.Compare(a.Name, b.Name) })
	for _, t := range use.Tables {
		r.Tables = append(r.Tables, Table{t.Name, known(t.Rows), known(t.Bytes), t.Scans})
	}
	return r
}

// moment makes nil of a time that is not known.
func moment(t web.Time) *web.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// plannedScan is a scan with what the plan says of it.
type plannedScan struct {
	FullScan
	scan blog.Scan
}

// fullScans returns which tables the slow kinds read in full.
func (s *Service) fullScans(ctx context.Context, use blog.IndexUse) (all []plannedScan, err error) {
	kinds, _, err := s.kinds(ctx)
	if err != nil {
		return nil, err
	}
	sortKinds(kinds, "total")
	kinds = kinds[:min(len(kinds), mostPlans)]
	plans, err := s.plans(ctx, kinds)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		for _, scan := range plans[k].Scans {
			w := k.wire()
			all = append(all, plannedScan{FullScan{scan.Table, rowsOf(use, scan.Table), w.Statement, w.Count, w.TotalMs, w.Routes, plans[k].Lines}, scan})
		}
	}
	return all, nil
}

func rowsOf(use blog.IndexUse, table string) *int64 {
	for _, t := range use.Tables {
		if t.Name == table {
			return known(t.Rows)
		}
	}
	return nil
}

// suggest returns the indexes that would spare scans of tables that are not small, each once,
// that which would spare most time first.
func suggest(engine string, use blog.IndexUse, scans []plannedScan) []Suggestion {
	all, at := []Suggestion{}, map[string]int{}
	for _, f := range scans {
		columns := f.scan.Index()
		if len(columns) == 0 || f.Rows != nil && *f.Rows <= smallRows || has(use, f.Table, columns) {
			continue
		}
		sql := createIndex(engine, f.Table, columns)
		i, known := at[sql]
		if !known {
			i = len(all)
			at[sql] = i
			all = append(all, Suggestion{Table: f.Table, Columns: columns, SQL: sql})
		}
		all[i].Because = append(all[i].Because, f.FullScan)
	}
	for i := range all {
		all[i].Reason = all[i].reason()
	}
	slices.SortStableFunc(all, func(a, b Suggestion) int { return cmp.Compare(b.totalMs(), a.totalMs()) })
	return all
}

// has reports whether there is an index that begins with these columns: if it is not used, another
// like it would not be, either.
func has(use blog.IndexUse, table string, columns []string) bool {
	return slices.ContainsFunc(use.Indexes, func(i blog.TableIndex) bool {
		return i.Table == table && len(i.Columns) >= len(columns) && slices.Equal(i.Columns[:len(columns)], columns)
	})
}

func (s Suggestion) totalMs() (sum float64) {
	for _, f := range s.Because {
		sum += f.TotalMs
	}
	return sum
}

// reason says in a sentence what for.
func (s Suggestion) reason() string {
	var times int64
	for _, f := range s.Because {
		times += f.Count
	}
	rows := ""
	if n := s.Because[0].Rows; n != nil {
		rows = fmt.Sprintf("（约 %d 行）", *n)
	}
	return fmt.Sprintf("%d 种慢语句整表扫描 %s%s，共慢 %d 次、%.1f 秒；它们按 %s 查找或排序", len(s.Because), s.Table, rows, times, s.totalMs()/1000, strings.Join(s.Columns, "、"))
}

// mostName is how long PostgreSQL lets a name be, in bytes.
const mostName = 63

// createIndex writes the statement that makes an index. PostgreSQL is asked to let others write
// meanwhile.
func createIndex(engine, table string, columns []string) string {
	concurrently := ""
	if engine == "postgres" {
		concurrently = "CONCURRENTLY "
	}
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = name(c)
	}
	return fmt.Sprintf("CREATE INDEX %s%s ON %s (%s)", concurrently, name(cut(table+"_"+strings.Join(columns, "_"), mostName)), name(table), strings.Join(quoted, ", "))
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// name quotes a name where it has to be.
func name(n string) string {
	if plainName.MatchString(n) {
		return n
	}
	return `"` + strings.ReplaceAll(n, `"`, `""`) + `"`
}
