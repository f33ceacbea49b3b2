//go:build !linux

package cli

import "runtime/debug"

// giveBack gives the heap's memory back to the kernel.
func giveBack() { debug.FreeOSMemory() }
