package enginetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// detach makes the server another user's where we are root, and lets it end with
// us whatever happens: a test binary that panics or times out cleans nothing up.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if uid, gid, ok := owner(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
}

// kill ends the children as well: those of PostgreSQL finish the query at hand
// before they miss their parent.
func (p *process) kill() {
	if p.pause() == nil {
		for _, pid := range p.children() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		p.Kill()
	}
	<-p.gone
}

// pause returns when nothing of the server runs any more: a signal may take a moment to reach
// each of its threads, and a request that moment.
func (p *process) pause() error {
	if err := p.send(syscall.SIGSTOP); err != nil {
		return err
	}
	for _, pid := range append(p.children(), p.Pid) {
		for end := time.Now().Add(5 * time.Second); !stopped(pid) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// stopped reports whether all threads of a process are stopped, or have ended.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		state := stat[bytes.LastIndexByte(stat, ')')+1:] // proc_pid_stat(5), field 3
		if !strings.ContainsAny(string(state[:min(2, len(state))]), "TtZX") {
			return false
		}
	}
	return true
}

func (p *process) resume() error { return p.send(syscall.SIGCONT) }

// send goes to the parent first: stopped, it gets no more children, and none of
// their numbers becomes another's.
func (p *process) send(s syscall.Signal) error {
	if err := p.Signal(s); err != nil {
		return err
	}
	for _, pid := range p.children() {
		syscall.Kill(pid, s)
	}
	return nil
}

func (p *process) children() []int {
	var all []int
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.Pid))
	for field := range strings.FieldsSeq(string(list)) {
		if pid, err := strconv.Atoi(field); err == nil {
			all = append(all, pid)
		}
	}
	return all
}
