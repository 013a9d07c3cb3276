package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// trial is what happens to a site, and what comes of it.
type trial struct {
	*site
	record *record
	front  *front

	broken []string  // promises
	failed []outcome // that broke one
	notes  []string
	joins  []time.Duration // from when Consul knows of an instance to when it is used
	leaves []time.Duration // and of one that leaves
}

// scene is one thing that happens. allowed says which failures of requests are none of a promise.
type scene struct {
	name string
	play func(*trial, context.Context) (allowed func(outcome) bool, err error)
}

var scenes = []scene{
	{"rolling", (*trial).rolling},
	{"killed", (*trial).killed},
	{"consul", (*trial).consulAway},
	{"hung", (*trial).hung},
	{"fronts", (*trial).fronts},
}

// calm is how long the load goes on before the first scene, for figures to compare with.
const calm = 8 * time.Second

// all plays all scenes. The error is of the trial itself: the next scene would tell nothing then.
func (t *trial) all(ctx context.Context) error {
	t.record.next("calm")
	if err := pause(ctx, calm); err != nil {
		return err
	}
	for _, s := range scenes {
		if !t.wanted(s.name) {
			continue
		}
		t.record.next(s.name)
		allowed, err := s.play(t, ctx)
		t.record.allow(allowed)
		if err == nil {
			err = t.steady(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	t.record.next("end")
	return nil
}

// judge holds what the clients saw against what was promised, once the load has ended.
func (t *trial) judge() {
	for _, w := range t.record.windows {
		failures := w.failures
		if w.allowed != nil {
			failures = slices.DeleteFunc(slices.Clone(failures), w.allowed)
		}
		if len(failures) > 0 {
			t.breaks("%s: %d requests failed that must not", w.name, len(failures))
			t.failed = append(t.failed, failures...)
		}
	}
}

// breaks notes a broken promise.
func (t *trial) breaks(format string, values ...any) {
	t.broken = append(t.broken, fmt.Sprintf(format, values...))
}

// tell adds a line to the report.
func (t *trial) tell(format string, values ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, values...))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// report is the table of all windows, and what was noted.
func (t *trial) report() string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, w := range t.record.windows {
		b.WriteString(w.String())
	}
	for _, g := range t.gateways {
		fmt.Fprintf(&b, "%s was sent %d requests\n", g.name, t.record.byGateway[g.name])
	}
	for _, n := range t.notes {
		b.WriteString(n + "\n")
	}
	return b.String()
}

// shown is how many failures are shown in full.
const shown = 10

// verdict is an error that says which promises were broken.
func (t *trial) verdict(dir string) error {
	if len(t.broken) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "broken:\n  %s\n", strings.Join(t.broken, "\n  "))
	for _, o := range t.failed[:min(shown, len(t.failed))] {
		fmt.Fprintf(&b, "%s\n%s", o, linesWith(dir, o.request))
	}
	return fmt.Errorf("%s", b.String())
}

// linesWith are the lines of all logs that hold a word, each after the name of its log.
func linesWith(dir, word string) string {
	if word == "" {
		return ""
	}
	var b strings.Builder
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, word) {
				fmt.Fprintf(&b, "    %s: %s", filepath.Base(path), line)
			}
		}
	}
	return b.String()
}

// tail is the end of a file.
func tail(path string, lines int) string {
	text, _ := os.ReadFile(path)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
