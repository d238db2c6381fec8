package main

import (
	"bytes"
	"os"
	"runtime"
)

// processor returns the processor's model, where it is not known its
// architecture.
func processor() string {
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := parseModel(info); model != "" {
			return model
		}
	}
	return runtime.GOARCH
}

// parseModel finds "model name\t: AMD EPYC 7763" in Linux's list.
func parseModel(info []byte) string {
	for line := range bytes.Lines(info) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.TrimSpace(key)) == "model name" {
			return string(bytes.Join(bytes.Fields(value), []byte(" ")))
		}
	}
	return ""
}
