package telemetry

import "golang.org/x/sys/windows"

// diskSpace returns, in bytes, what the user may still write below path, and what the
// file system there holds in all.
func diskSpace(path string) (free, size uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(name, &free, &size, nil)
	return free, size, err
}
