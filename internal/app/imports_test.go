package app

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// may is section 3 of the plan: what each package of ours may import of ours.
// "store/*" stands for every package below store. A package without a row fails.
var may = map[string][]string{
	"blog":       {},
	"background": {},
	"limit":      {"redis"},
	"redis":      {},
	"telemetry":  {},
	"discovery":  {},
	"config":     {"blog"},
	"auth":       {"background", "blog"},
	"cache":      {"redis"},
	"web":        {"blog", "limit", "telemetry"},
	"gateway":    {"web", "discovery", "blog"},
	"store":      {"blog", "store/postgres", "store/sqlite"},
	"store/*":    {"blog", "statement"},
	"statement":  {},
	"certs":      {},
	"admin":      {"statement", "web", "blog"},
	"account":    {"auth", "web", "cache", "blog"},
	"post":       {"auth", "web", "cache", "blog"},
	"comment":    {"auth", "web", "cache", "blog"},
	"upload":     {"auth", "web", "cache", "blog"},
	"importer":   {"blog"},
	"backup":     {"blog"},
	"transfer":   {"blog"},
	"alerts":     {},
	"enginetest": {},
}

// assemblers put things together, and may import everything.
var assemblers = []string{"app", "apitest"}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "inkstone/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestPackagesImportOnlyWhatThePlanAllows(t *testing.T) {
	for _, p := range packages(t) {
		name, ours := strings.CutPrefix(p.ImportPath, "inkstone/internal/")
		if !ours || slices.Contains(assemblers, name) {
			continue
		}
		allowed, ok := may[name]
		if !ok && path.Dir(name) == "store" {
			allowed, ok = may["store/*"]
		}
		if !ok {
			t.Errorf("%s has no row in the table of imports", name)
		}
		for _, i := range p.Imports {
			if other, ours := strings.CutPrefix(i, "inkstone/internal/"); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", name, other)
			}
		}
	}
}

func TestTheDomainImportsTheStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "inkstone/internal/blog" {
			continue
		}
		for _, i := range p.Imports {
			if first, _, _ := strings.Cut(i, "/"); strings.Contains(first, ".") {
				t.Errorf("blog imports %s", i)
			}
		}
		return
	}
	t.Error("there is no package blog")
}

func TestOnlyAppSeesTheEngines(t *testing.T) {
	for _, p := range packages(t) {
		for _, i := range p.Imports {
			engine := strings.HasPrefix(i, "inkstone/internal/store")
			outside := strings.HasPrefix(p.ImportPath, "inkstone/cmd/")
			if engine && outside {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
}

func TestOnlyTestsImportTheRealParts(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "inkstone/internal/enginetest") {
			t.Errorf("%s imports enginetest", p.ImportPath)
		}
	}
}

func TestOnlyUploadsSpeakS3(t *testing.T) {
	for _, p := range packages(t) {
		speaks := slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, "github.com/minio/") })
		if speaks && p.ImportPath != "inkstone/internal/upload" {
			t.Errorf("%s speaks S3", p.ImportPath)
		}
	}
}
