package storetest

import (
	"testing"

	"inkstone/scripts/bench/cputime"
)

// Measure runs do b.N times and reports this process's time of each.
func Measure(b *testing.B, do func() error) {
	b.Helper()
	b.ReportAllocs()
	start := cputime.Used()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cputime.Used()-start).Microseconds())/float64(b.N), "cpu-µs/op")
}
