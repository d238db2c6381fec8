package main

import (
	. "github.com/mmcloughlin/avo/build"
)

// The control bits of the MXCSR register. Go's calling convention (its
// abi-internal.md) fixes those that Go code finds: all exceptions masked,
// rounding to the nearest. Kernels have flush-to-zero (bit 15) and
// denormals-are-zero (bit 6) besides: many processors take a hundred cycles
// and more for an instruction that meets a subnormal number.
const (
	goControl     = 0x1F80
	kernelControl = goControl | 1<<15 | 1<<6
)

// enter begins a kernel and leave ends it. In between subnormal numbers are
// zero, which Go code must never see: a goroutine is not preempted within
// assembly, and the system gives a signal's handler a register of its own. The
// value that Go wants is known, so nothing is saved, which would take five
// times as long as both loads.
func enter() { LDMXCSR(broadcast("kernelControl", kernelControl)) }

func leave() {
	VZEROUPPER()
	LDMXCSR(broadcast("goControl", goControl))
	RET()
}
