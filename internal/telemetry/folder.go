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
// or, as long as others have that, dir/2, dir/3 and so on; none if these can't be made. Two
// processes that write into the same file write over each other's lines. Where a file system
// knows no locks the folder is used without.
func ownFolder(dir string) (string, io.Closer, error) {
	if dir == "" {
		return "", nil, nil
	}
	for n := 1; ; n++ {
		own := dir
		if n > 1 {
			own = filepath.Join(dir, strconv.Itoa(n))
		}
		err := os.MkdirAll(own, 0o755)
		switch {
		case err != nil && n == 1:
			return "", nil, fmt.Errorf("making the log folder: %w", err)
		case err != nil: // such as a full disk, which is no reason not to start
			return "", nil, nil
		}
		lock := flock.New(filepath.Join(own, lockFile), flock.SetPermissions(0o644))
		if taken, err := lock.TryLock(); taken || err != nil {
			return own, lock, nil
		}
	}
}
