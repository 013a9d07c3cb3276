package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// process is a program that may be ended and started again, with the same settings and log.
type process struct {
	name    string // its log is called so
	dir     string
	command []string
	env     []string
	answers func(context.Context) error

	cmd  *exec.Cmd // nil: it was never started
	gone chan struct{}
}

// startWithin is how long a program may take until it answers, on a machine with much to do.
const startWithin = 45 * time.Second

// start starts it, and returns when it answers.
func (p *process) start(ctx context.Context) error {
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own handle
	p.cmd = exec.Command(p.command[0], p.command[1:]...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.env, log, log
	if err := p.launch(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	err = until(ctx, 20*time.Millisecond, func() error {
		if p.ended() {
			return final{errors.New("it has ended")}
		}
		return p.answers(ctx)
	})
	if err != nil {
		return fmt.Errorf("%s does not come up: %w; the end of %s:\n%s", p.name, err, p.log(), tail(p.log(), 10))
	}
	return nil
}

func (p *process) log() string { return filepath.Join(p.dir, p.name+".log") }

func (p *process) launch() error {
	p.gone = make(chan struct{})
	attach(p.cmd)
	started, gone := make(chan error), p.gone
	go func() {
		runtime.LockOSThread() // the system ends the process with the thread that started it
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
		close(gone)
	}()
	return <-started
}

func (p *process) ended() bool {
	if p.cmd == nil || p.cmd.Process == nil {
		return true
	}
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// stopWithin is R05's figure for an end by SIGTERM.
const stopWithin = 30 * time.Second

// stop ends it by SIGTERM. The error is that it took too long or was not happy about its end.
func (p *process) stop() error {
	if p.ended() {
		return fmt.Errorf("%s has ended by itself", p.name)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(stopWithin):
		p.kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.name, stopWithin)
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s ended with %v", p.name, p.cmd.ProcessState)
	}
	return nil
}

// kill ends it by SIGKILL, and returns when there is nothing of it any more.
func (p *process) kill() {
	if !p.ended() {
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// final is an error that to try again won't help.
type final struct{ error }

// until tries again until try succeeds or ctx ends, and returns the last error then.
func until(ctx context.Context, every time.Duration, try func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if end, ok := errors.AsType[final](err); ok {
			return end.error
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// freePort is below those that connections going out are given: while a process is down none of
// them can take its place.
func freePort() string {
	for {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
	}
}
