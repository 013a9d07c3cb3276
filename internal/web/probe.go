package web

import (
	"fmt"
	"os"
)

// Pipe is a Probe that takes the way of a request: its byte waits in the same
// poller and its reader in the same scheduler, behind whatever else is ready.
type Pipe struct {
	in, out *os.File
	backs   chan func()
}

// OpenPipe makes a Pipe, with a goroutine that ends with Close.
func OpenPipe() (*Pipe, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open pipe: %w", err)
	}
	p := &Pipe{in: in, out: out, backs: make(chan func(), 1)}
	go p.listen()
	return p, nil
}

// Probe is a Probe, for one at a time.
func (p *Pipe) Probe(back func()) {
	p.backs <- back
	_, _ = p.in.Write([]byte{0}) // of a closed pipe nobody wants to know
}

func (p *Pipe) listen() {
	b := make([]byte, 1)
	for {
		if _, err := p.out.Read(b); err != nil {
			return
		}
		(<-p.backs)()
	}
}

// Close ends the Pipe.
func (p *Pipe) Close() error {
	_ = p.out.Close()
	return p.in.Close()
}
