package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// ofProgram is how much of its file this process holds, in KiB.
func ofProgram(t *testing.T) (held int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "RssFile: %d kB", &held); err == nil {
			return held
		}
	}
	t.Fatalf("no RssFile:\n%s", status)
	return 0
}

func TestPagesOfTheStartAreDropped(t *testing.T) {
	before := ofProgram(t)
	if err := dropStartPages(); err != nil {
		t.Fatal(err)
	}
	if after := ofProgram(t); after > before*3/4 {
		t.Errorf("%d KiB of the program's file before, %d after", before, after)
	}
}

func TestWhatIsInNoFileIsNotDropped(t *testing.T) {
	const smaps = `00400000-018b6000 r-xp 00000000 fe:00 42      /opt/ink stone
Rss:               21208 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
018b6000-02fe9000 r--p 014b6000 fe:00 42      /opt/ink stone
Anonymous:             4 kB
02fe9000-03125000 rw-p 02be9000 fe:00 42      /opt/ink stone
Anonymous:             0 kB
03125000-0517c000 rw-p 00000000 00:00 0
Anonymous:             0 kB
0517c000-0517d000 r--p 00000000 fe:00 42      /opt/ink stone
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 43      /opt/another
Anonymous:             0 kB
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]
Anonymous:             0 kB
`
	got, err := unwritten(strings.NewReader(smaps), "/opt/ink stone")
	if want := []mapped{{0x400000, 0x18b6000}, {0x517c000, 0x517d000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
	if got, err := unwritten(strings.NewReader("rubbish that is no address\n"), "/opt/ink stone"); err == nil {
		t.Errorf("rubbish is %x", got)
	}
}
