package main

import (
	"bytes"
	"strings"
	"testing"
)

const report = `{"config": {"scanner_name": "govulncheck"}}
{"osv": {"id": "GO-2026-6608"}}
{"finding": {"osv": "GO-2026-0001", "trace": [{"module": "example.org/required"}]}}
{"finding": {"osv": "GO-2026-0002", "trace": [{"module": "stdlib", "package": "net/http"}]}}
{"finding": {"osv": "GO-2026-6608", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "package": "net/textproto", "function": "ReadMIMEHeader"}]}}
`

func called(osv, module string) string {
	return `{"finding": {"osv": "` + osv + `", "trace": [{"module": "` + module + `", "package": "p", "function": "F"}]}}`
}

func TestOnlyWhatTheProgramCallsIsReachable(t *testing.T) {
	found, err := reachable(strings.NewReader(report))
	if err != nil || len(found) != 1 || found[place{"GO-2026-6608", standardLibrary}].Fixed != "v1.26.9" {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := reachable(strings.NewReader(`{"finding": 1}`)); err == nil {
		t.Error("a report of another form is taken for one without findings")
	}
}

func TestOnlyWhatIsAcceptedOfTheStandardLibraryPasses(t *testing.T) {
	for report, passes := range map[string]bool{
		report:                                    true,
		called("GO-2026-6608", "stdlib"):          true,
		called("GO-2026-0003", "stdlib"):          false,
		called("GO-2026-6608", "example.org/dep"): false,
		called("GO-2026-6608", "example.org/dep") + called("GO-2026-6608", "stdlib"): false,
		called("GO-2026-6608", "stdlib") + called("GO-2026-6608", "example.org/dep"): false,
	} {
		found, err := reachable(strings.NewReader(report))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := judge(&out, found); (err == nil) != passes {
			t.Errorf("%s: %v\n%s", report, err, &out)
		}
	}
}
