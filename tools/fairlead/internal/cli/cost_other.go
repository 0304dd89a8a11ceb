//go:build !unix

package cli

import "time"

// usedCPU is not known here.
func usedCPU() time.Duration { return 0 }

// peakMemory is not known here.
func peakMemory() int64 { return 0 }
