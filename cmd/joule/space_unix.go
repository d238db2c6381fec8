//go:build linux || darwin

package main

import "syscall"

// freeSpace returns the bytes that this user may still write in a folder; ok
// is false if the system does not tell.
func freeSpace(dir string) (n int64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Blocks == 0 {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
