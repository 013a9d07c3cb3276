//go:build unix

package config

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestADotenvThatIsAPipeIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, ".env"), 0o600); err != nil {
		t.Skip(err)
	}
	if _, _, err := load(t, dir, nil); err == nil || !strings.Contains(err.Error(), ".env：不是普通文件") {
		t.Errorf("%v", err)
	}
}
