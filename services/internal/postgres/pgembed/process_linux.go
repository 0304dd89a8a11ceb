package pgembed

import "syscall"

// attributes makes a child of the account, in a process group of its own (a
// Ctrl-C at the terminal must reach us alone: the server is stopped after those
// who use it), that gets onOurDeath from the kernel when we die.
func (a account) attributes(onOurDeath syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: onOurDeath}
	if a.isOtherOne {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}
