//go:build !linux

package main

import "syscall"

// dieWithParent is for Linux; elsewhere a child outlives a parent that is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
