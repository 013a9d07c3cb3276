// Command vulncheck tells the known vulnerabilities that the program can reach, and
// fails for each that is not accepted with a reason (accepted.go). It asks the
// vulnerability database that tools/vulndb pins, so that the gate's answer changes
// with a commit only; -live asks https://vuln.go.dev, as of today.
//
//	go run ./scripts/vulncheck [-live]
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

const program = "./cmd/inkstone"

func main() {
	live := flag.Bool("live", false, "ask https://vuln.go.dev")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := check(ctx, *live, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(ctx context.Context, live bool, out io.Writer) error {
	args := []string{"-format", "json"}
	if !live {
		folder, err := os.MkdirTemp("", "vulndb")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		if err := writeDatabase(ctx, folder); err != nil {
			return fmt.Errorf("write the database: %w", err)
		}
		args = append(args, "-db", "file://"+filepath.ToSlash(folder))
	}
	govulncheck, err := tool(ctx, "tools", "govulncheck")
	if err != nil {
		return err
	}
	report, err := run(ctx, govulncheck, append(args, program)...)
	if err != nil {
		return err
	}
	found, err := reachable(bytes.NewReader(report))
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	return judge(out, found)
}

// writeDatabase makes a database in folder of the entries in golang.org/x/vulndb.
func writeDatabase(ctx context.Context, folder string) error {
	indexdb, err := tool(ctx, "tools/vulndb", "indexdb") // first: the module is on disk then
	if err != nil {
		return err
	}
	entries, err := run(ctx, "go", "-C", "tools/vulndb", "list", "-m", "-f", "{{.Dir}}/data/osv", "golang.org/x/vulndb")
	if err != nil {
		return err
	}
	_, err = run(ctx, indexdb, "-vulns", strings.TrimSpace(string(entries)), "-out", folder)
	return err
}

// tool builds a tool of the module in folder and returns where it is.
func tool(ctx context.Context, folder, name string) (string, error) {
	path, err := run(ctx, "go", "-C", folder, "tool", "-n", name)
	return strings.TrimSpace(string(path)), err
}

// run returns what a command prints.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return out, nil
}

// finding is one way in which the program reaches a vulnerability.
type finding struct {
	OSV   string `json:"osv"`
	Fixed string `json:"fixed_version"`
	Trace []frame
}

// frame is a step of it, the vulnerable place first; Function is empty where a
// package is merely imported, or a module required.
type frame struct {
	Module, Version, Package, Function string
}

// place is where a vulnerability is: one may be in several modules, as
// golang.org/x/net is also a part of the standard library.
type place struct{ osv, module string }

func (p place) compare(o place) int {
	return cmp.Or(strings.Compare(p.osv, o.osv), strings.Compare(p.module, o.module))
}

// reachable returns what a report of govulncheck says of code that the program
// calls, one finding for each place.
func reachable(report io.Reader) (map[place]finding, error) {
	found := map[place]finding{}
	for d := json.NewDecoder(report); ; {
		var message struct{ Finding *finding }
		switch err := d.Decode(&message); {
		case err == io.EOF:
			return found, nil
		case err != nil:
			return nil, err
		}
		if f := message.Finding; f != nil && len(f.Trace) > 0 && f.Trace[0].Function != "" {
			found[place{f.OSV, f.Trace[0].Module}] = *f
		}
	}
}

// judge prints what was found and fails if something is not accepted.
func judge(out io.Writer, found map[place]finding) error {
	refused := 0
	for _, p := range slices.SortedFunc(maps.Keys(found), place.compare) {
		why, ok := accepted[p.osv]
		if !ok || p.module != standardLibrary {
			why = "NOT ACCEPTED, see https://pkg.go.dev/vuln/" + p.osv
			refused++
		}
		fmt.Fprintf(out, "%s  %s, fixed in %s\n    %s\n", p.osv, found[p].Trace[0].Package, found[p].Fixed, why)
	}
	fmt.Fprintf(out, "%d known vulnerabilities are reachable, %d of them accepted\n", len(found), len(found)-refused)
	if refused > 0 {
		return fmt.Errorf("%d vulnerabilities are reachable and not accepted", refused)
	}
	return nil
}
