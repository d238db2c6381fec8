package main

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// availableMemory returns how many more bytes this process can take; ok is
// false if the system does not tell.
func availableMemory() (n int64, ok bool) { return availableIn(os.DirFS("/")) }

// availableIn is availableMemory with the root of the file system: the least of
// what the machine has left, the process's control groups and its limits.
func availableIn(root fs.FS) (n int64, ok bool) {
	n = math.MaxInt64
	info := fieldsIn(root, "proc/meminfo")
	if v, found := info["MemAvailable:"]; found {
		n = (v + info["SwapFree:"]) << 10
	}
	n = min(n, groupsLeave(root), limitsLeave(root))
	return max(n, 0), n != math.MaxInt64
}

// limitsLeave is what ulimit -v and -d leave.
func limitsLeave(root fs.FS) int64 {
	status := fieldsIn(root, "proc/self/status")
	left := int64(math.MaxInt64)
	text, _ := fs.ReadFile(root, "proc/self/limits")
	for line := range strings.Lines(string(text)) {
		for name, taken := range map[string]string{"Max address space": "VmSize:", "Max data size": "VmData:"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				if f := strings.Fields(rest); len(f) > 0 {
					if n, err := strconv.ParseInt(f[0], 10, 64); err == nil { // not "unlimited"
						left = min(left, n-status[taken]<<10)
					}
				}
			}
		}
	}
	return left
}

// groupsLeave is what the control groups of the process leave, of version 1 or 2.
// Files that are cached can be dropped.
func groupsLeave(root fs.FS) int64 {
	left := int64(math.MaxInt64)
	text, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		base, most, taken, cached := "sys/fs/cgroup", "memory.max", "memory.current", []string{"inactive_file", "active_file"}
		switch {
		case !ok:
			continue
		case controllers == "memory":
			base, most, taken = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
			cached = []string{"total_inactive_file", "total_active_file"}
		case controllers != "":
			continue
		}
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			dir := path.Join(base, group)
			limit, ok := numberIn(root, path.Join(dir, most))
			used, known := numberIn(root, path.Join(dir, taken))
			if ok && known {
				stat := fieldsIn(root, path.Join(dir, "memory.stat"))
				left = min(left, limit-used+stat[cached[0]]+stat[cached[1]])
			}
			if group == "/" {
				break
			}
		}
	}
	return left
}

// numberIn reads a file of one number; "max" is none.
func numberIn(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil && n < 1<<60 // a group without a limit has one beyond any memory
}

// fieldsIn reads a file of names and numbers, one a line.
func fieldsIn(root fs.FS, name string) map[string]int64 {
	list := map[string]int64{}
	text, _ := fs.ReadFile(root, name)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 {
			if n, err := strconv.ParseInt(f[1], 10, 50); err == nil {
				list[f[0]] = n
			}
		}
	}
	return list
}
