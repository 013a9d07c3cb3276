package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// untilSignal returns a context that the first SIGINT or SIGTERM ends, so that a
// command ends in order; a second one ends the process at once.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case s := <-signals:
				if !first {
					die(s)
				}
				cancel()
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
		cancel()
	})
}

// dying is how long a signal may take to end its own sender.
const dying = 100 * time.Millisecond

// die ends the process by s, for whoever started it to see. Where s was ignored at the
// start, as a shell does for what it starts with "&", and for the first process of a
// container, s does nothing: the code is then the one that shells tell of s.
func die(s os.Signal) {
	signal.Reset(s)
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
		time.Sleep(dying)
	}
	code := 1
	if n, ok := s.(syscall.Signal); ok {
		code = 128 + int(n)
	}
	os.Exit(code)
}

// onHangup calls reload for each SIGHUP until stop is called. If that comes because the
// terminal is gone that the process was started in, it calls end instead, as
// SIGHUP then means; but not where it was ignored at the start, as nohup has it.
func onHangup(reload, end func()) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	attached := hasTerminal() && !signal.Ignored(syscall.SIGHUP)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-signals:
				if attached && !hasTerminal() {
					end()
					return
				}
				reload()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// hasTerminal tells whether the process belongs to a terminal, wherever its output goes.
func hasTerminal() bool {
	f, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = f.Close() // only that it is there counts
	return true
}

// outliveReaders keeps a server going whose log nobody reads any more: a line for a
// reader who has gone away would end it.
func outliveReaders() (undo func()) {
	signal.Ignore(syscall.SIGPIPE)
	return func() { signal.Reset(syscall.SIGPIPE) }
}
