package auth

import "syscall"

// niceness of a hash: others come first, but a hash still gets its share of a busy core.
const niceness = 10

// yieldToOthers lowers the priority of this thread, for good. Being refused costs
// the others some of their pace and nothing else.
func yieldToOthers() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness) }
