//go:build !unix

package regular

// Nonblock does nothing: here are no named pipes in folders.
const Nonblock = 0
