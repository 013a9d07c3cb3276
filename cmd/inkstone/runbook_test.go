package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	commandInRunbook = regexp.MustCompile("`inkstone ([a-z][a-z ]*[a-z])")
	logLineInRunbook = regexp.MustCompile("(?:日志行 |、|日志有 )`([a-z][a-zA-Z0-9 :;,]+)`")
)

// Whoever is woken at night has no time for a command or a line of the log that is
// called otherwise now.
func TestTheRunbookNamesCommandsAndLogLinesAsTheyAre(t *testing.T) {
	b, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	root := (&program{}).root()
	for _, m := range commandInRunbook.FindAllStringSubmatch(string(b), -1) {
		words := strings.Fields(m[1])
		found, rest, err := root.Find(words)
		if err != nil || found == root || found.HasSubCommands() && len(rest) > 0 {
			t.Errorf("there is no inkstone %s", m[1])
		}
	}
	source := sourceText(t)
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, "日志行") && !strings.Contains(line, "日志有") {
			continue
		}
		for _, m := range logLineInRunbook.FindAllStringSubmatch(line, -1) {
			if !strings.Contains(source, `"`+m[1]+`"`) {
				t.Errorf("nothing logs %q", m[1])
			}
		}
	}
}

// sourceText is the code of the program, without its tests.
func sourceText(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"../../internal/*/*.go", "../../internal/store/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	return all.String()
}
