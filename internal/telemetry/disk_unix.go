//go:build linux || darwin || freebsd

package telemetry

import "golang.org/x/sys/unix"

// diskSpace returns, in bytes, what an ordinary user may still write below path, and what the
// file system there holds in all.
func diskSpace(path string) (free, size uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, err
	}
	return uint64(max(int64(st.Bavail), 0)) * uint64(st.Bsize), uint64(st.Blocks) * uint64(st.Bsize), nil // FreeBSD's may be below zero
}
