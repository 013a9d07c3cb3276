package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// dropStartPages takes the pages of the program's file out of the process, for the start has used
// many that are not used again. They stay in the system's cache, until it has better use for them.
func dropStartPages() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program's file: %w", err)
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("read what is mapped: %w", err)
	}
	defer smaps.Close()
	parts, err := unwritten(smaps, program)
	if err != nil {
		return fmt.Errorf("read what is mapped: %w", err)
	}
	for _, p := range parts {
		if _, _, err := unix.Syscall(unix.SYS_MADVISE, p.from, p.to-p.from, unix.MADV_DONTNEED); err != 0 {
			return fmt.Errorf("drop pages of the program: %w", err)
		}
	}
	return nil
}

// mapped is a part of a file in the addresses of a process.
type mapped struct{ from, to uintptr }

// unwritten are the parts of file that the process can't write, and nobody has written: what was
// relocated, or holds a debugger's breakpoint, is in no file. smaps is as in proc_pid_smaps(5).
func unwritten(smaps io.Reader, file string) (parts []mapped, err error) {
	var part mapped
	fits := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) < 2:
		case words[0] == "Anonymous:":
			if fits && words[1] == "0" {
				parts = append(parts, part)
			}
		case !strings.HasSuffix(words[0], ":"): // the first line of a part
			fits = strings.HasSuffix(lines.Text(), " "+file) && !strings.Contains(words[1], "w")
			if _, err := fmt.Sscanf(words[0], "%x-%x", &part.from, &part.to); err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
	}
	return parts, lines.Err()
}
