package telemetry

import (
	"math"
	"sync/atomic"
)

// Disk shows how much room there is below a folder, as it was when look was last called: one on
// a network may take its time. place says what the folder is for. What is not known is no number.
func (m *Metrics) Disk(place, folder string) (look func()) {
	var last atomic.Pointer[space]
	last.Store(&space{math.NaN(), math.NaN()})
	m.Gauge("disk_free_bytes", "What may still be written to the disk of a folder.", func() float64 { return last.Load().free }, "place", place)
	m.Gauge("disk_size_bytes", "Size of the disk of a folder.", func() float64 { return last.Load().size }, "place", place)
	return func() {
		now := space{math.NaN(), math.NaN()}
		if free, size, err := diskSpace(folder); err == nil {
			now = space{float64(free), float64(size)}
		}
		last.Store(&now)
	}
}

// space is in bytes.
type space struct{ free, size float64 }
