package main

import (
	"log/slog"
	"runtime/debug"

	"inkstone/internal/config"
)

// collecting is when garbage is collected: after the heap and all stacks have grown by percent.
// The ballast is memory that is never touched, so no page of it is ever real, but it counts as
// heap. Without it the collector would start every few hundred requests, which is a tenth of their
// cost, for what is kept is so little.
type collecting struct {
	ballast int // bytes
	percent int
}

var (
	ofServices = collecting{12 << 20, 100}
	// A mere gateway keeps little but connections, whose stacks and buffers ask for no more garbage.
	ofGateway = collecting{16 << 20, 33}
)

// collect sets when garbage is collected in who serves t, as long as the ballast is kept alive. A
// GOGC of the environment comes before our percentage.
func (p *program) collect(t config.Target) (ballast []byte) {
	c := ofServices
	if len(t.Rows) == 0 {
		c = ofGateway
	}
	if told, _ := p.lookup("GOGC"); told == "" {
		debug.SetGCPercent(c.percent)
	}
	return make([]byte, c.ballast)
}

// dropStart gives back the memory that only the start of who serves t has used, where that is worth it.
func dropStart(t config.Target, log *slog.Logger) {
	if len(t.Rows) > 0 {
		return
	}
	if err := dropStartPages(); err != nil {
		log.Debug("the memory of the start is kept", "error", err)
	}
}
