//go:build !linux

package enginetest

import (
	"errors"
	"os/exec"
)

func detach(*exec.Cmd) {}

func (p *process) kill() {
	p.Kill()
	<-p.gone
}

func (p *process) pause() error { return errors.ErrUnsupported }

func (p *process) resume() error { return nil }
