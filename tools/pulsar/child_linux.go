package main

import "syscall"

// endsWithUs puts a child into a group of its own and lets the kernel kill it when
// this program dies.
func endsWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
