//go:build parts

package main

// kwok is built by its import path (see build.go); this keeps it in go.mod.
import _ "sigs.k8s.io/kwok/cmd/kwok"
