package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAURLNamesAFileOrIsRefusedWithoutItsPassword(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:data/inkstone.db":   "data/inkstone.db",
		"sqlite:/srv/inkstone.db":   "/srv/inkstone.db",
		"sqlite:///srv/inkstone.db": "/srv/inkstone.db",
		"sqlite:":                   "",
		"sqlite://":                 "",
		"data/inkstone.db":          "",
		"mysql://u:secret@host/db":  "",
		"":                          "",
	} {
		got, err := sqlitePath(url)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: path %q, error %v", url, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestOpenAnswersAfterMigrate(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "made", "test.db")
	if from, to, err := Migrate(t.Context(), url, Options{}); from != 0 || to == 0 || err != nil {
		t.Fatalf("from %d to %d: %v", from, to, err)
	}
	s, err := Open(t.Context(), url, Options{NoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if st, ok := StatsOf(s); !ok || st.Max < 1 || st != (Stats{Max: st.Max, Open: 1, Idle: 1}) {
		t.Errorf("after one read: %+v, told: %v", st, ok)
	}
}

func TestANameShowsNeitherUserNorPassword(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:data/inkstone.db":                                  "data/inkstone.db",
		"postgres://u:secret@db.example:5432/blog?sslmode=disable": "postgres://db.example:5432/blog",
		"postgresql://u:se@cret@db.example/blog":                   "postgresql://db.example/blog",
		"postgres:///blog?host=/run&password=secret":               "postgres:///blog",
		"mysql://u:secret@host/db":                                 "(?)",
	} {
		if got := Name(url); got != want {
			t.Errorf("%s is shown as %s", url, got)
		}
	}
}

func TestAFullNameIsTheSameWhateverLinksLeadThere(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "test.db"), filepath.Join(dir, "link.db")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
		t.Skip(err)
	}
	t.Chdir(dir)
	want := FullName("sqlite:" + file)
	for _, url := range []string{"sqlite:test.db", "sqlite:./link.db", "sqlite:" + link, "sqlite://" + file} {
		if got := FullName(url); got != want || !filepath.IsAbs(got) {
			t.Errorf("%s is %s, want %s", url, got, want)
		}
	}
	if got := FullName("postgres://u:secret@h:1/d?x=y"); got != "postgres://h:1/d" {
		t.Errorf("got %s", got)
	}
}
