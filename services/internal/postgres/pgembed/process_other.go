//go:build !linux

package pgembed

import "syscall"

// attributes makes a child of the account, in a process group of its own (a
// Ctrl-C at the terminal must reach us alone). Only Linux can signal a child at
// its parent's death; here the next Start stops what was left behind.
func (a account) attributes(syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.isOtherOne {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}
