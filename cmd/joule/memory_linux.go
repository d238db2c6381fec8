package main

import (
	"bytes"
	"os"
	"strconv"
)

// peakMemory returns the most physical memory that the process has had, in
// bytes, 0 if it is not known. Getrusage would count what the process that
// started this one had.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return parseHighWater(status)
}

// parseHighWater finds "VmHWM:   12345 kB".
func parseHighWater(status []byte) int64 {
	for line := range bytes.Lines(status) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "VmHWM:" {
			kb, err := strconv.ParseInt(string(fields[1]), 10, 50)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}
