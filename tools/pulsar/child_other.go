//go:build !linux

package main

import "syscall"

// endsWithUs puts a child into a group of its own. Where this program is killed the
// child stays: only Linux tells it.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
