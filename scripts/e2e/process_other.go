//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

func attach(*exec.Cmd) {}

func (p *process) pause() error { return errors.ErrUnsupported }

func (p *process) resume() error { return errors.ErrUnsupported }
