// Package kernel holds the float32 kernels of the energy's gradient. Files
// named _generic.go are the specification; the assembly beside them is
// generated from _asm and chosen at run time.
//
// Subnormal numbers, below 2⁻¹²⁶, count as zero: an instruction that meets one
// takes a hundred cycles and more on many processors. What kernels write is
// never subnormal.
package kernel
