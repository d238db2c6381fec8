//go:build !unix

package dataset

const nonblock = 0
