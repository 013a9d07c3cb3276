package telemetry

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gofrs/flock"
)

const lockFile = ".lock"

// ownFolder makes a folder that this process has for itself until the closer is closed: dir,
// or, as long as others have that, dir/2, dir/3 and so on. Two processes that write into the
// same file write over each other's lines. Where no lock can be had dir is used without.
func ownFolder(dir string) (string, io.Closer, error) {
	for n := 1; ; n++ {
		own := dir
		if n > 1 {
			own = filepath.Join(dir, strconv.Itoa(n))
		}
		if err := os.MkdirAll(own, 0o755); err != nil {
			return "", nil, fmt.Errorf("making the log folder: %w", err)
		}
		lock := flock.New(filepath.Join(own, lockFile), flock.SetPermissions(0o644))
		if taken, err := lock.TryLock(); taken || err != nil {
			return own, lock, nil
		}
	}
}
