package main

import (
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheTourOfTheReadmesWorks runs what a newcomer copies, as it stands there.
func TestTheTourOfTheReadmesWorks(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, t.TempDir())
			said := walk(t, s, tourOf(t, name))
			for _, word := range []string{`"title":"深入微服务架构"`, "评论发表成功", "文件上传成功"} {
				if !strings.Contains(said, word) {
					t.Errorf("the tour does not print %s:\n%s", word, said)
				}
			}
		})
	}
}

// tourOf returns the one block of commands that calls curl.
func tourOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	var tours []string
	for i, block := range strings.Split(string(text), "```") {
		if commands, ok := strings.CutPrefix(block, "sh\n"); i%2 == 1 && ok && strings.Contains(commands, "curl ") {
			tours = append(tours, commands)
		}
	}
	if len(tours) != 1 || strings.Count(tours[0], "http://127.0.0.1:3000") != 1 {
		t.Fatalf("%s: want one tour with one address, have %q", name, tours)
	}
	return tours[0]
}

// walk runs a tour against a server. A curl that is refused ends it, which the
// tour itself would not notice.
func walk(t *testing.T, s *server, tour string) string {
	t.Helper()
	photo(t, filepath.Join(s.dir, "photo.jpg"))
	tour = strings.Replace(tour, "http://127.0.0.1:3000", s.base, 1)
	bash := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "curl() { command curl --noproxy '*' --max-time 30 --fail-with-body \"$@\"; }\n"+tour)
	bash.Dir = s.dir
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, tour, out)
	}
	return string(out)
}

func photo(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := jpeg.Encode(f, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
}
