package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
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

func (p *process) pause() error { return p.send(syscall.SIGSTOP) }

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
