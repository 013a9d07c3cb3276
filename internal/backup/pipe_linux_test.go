package backup

import (
	"path/filepath"
	"syscall"
	"testing"
)

// To open a pipe that nobody writes into waits, and no signal would end that.
func TestAPipeIsRefusedAtOnce(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	refused(t, pipe, "不是普通文件")
}
