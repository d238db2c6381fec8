package main

import (
	"testing"
	"testing/fstest"
)

func TestAvailable(t *testing.T) {
	const kb = 1 << 10
	meminfo := "MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable: 4000 kB\nSwapFree: 500 kB\n"
	status := "VmSize:\t  300 kB\nVmData:\t  100 kB\n"
	limits := "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max data size             unlimited            unlimited            bytes     \n" +
		"Max address space         unlimited            unlimited            bytes     \n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"the machine": {nil, 4500 * kb},
		"version 2": {map[string]string{
			"proc/self/cgroup":                   "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max":       "max\n",
			"sys/fs/cgroup/a/b/memory.current":   "5\n",
			"sys/fs/cgroup/a/memory.max":         "1000000\n",
			"sys/fs/cgroup/a/memory.current":     "400000\n",
			"sys/fs/cgroup/a/memory.stat":        "anon 5\ninactive_file 1000\nactive_file 200\n",
			"sys/fs/cgroup/other/memory.max":     "1\n",
			"sys/fs/cgroup/other/memory.current": "1\n",
		}, 601200},
		"version 2, in a container": {map[string]string{
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.max":     "2000000\n",
			"sys/fs/cgroup/memory.current": "500000\n",
		}, 1500000},
		"version 1": {map[string]string{
			"proc/self/cgroup":                             "5:cpu:/x\n4:memory:/x\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes":   "7\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "900000\n",
			"sys/fs/cgroup/memory/x/memory.usage_in_bytes": "800000\n",
			"sys/fs/cgroup/memory/x/memory.stat":           "inactive_file 9\ntotal_inactive_file 1000\ntotal_active_file 1\n",
		}, 101001},
		"over its limit": {map[string]string{
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.max":     "1\n",
			"sys/fs/cgroup/memory.current": "500000\n",
		}, 0},
		"ulimit -v": {map[string]string{"proc/self/limits": "Max address space         1000000              unlimited            bytes\n"}, 1000000 - 300*kb},
		"ulimit -d": {map[string]string{"proc/self/limits": "Max data size             1000000              unlimited            bytes\n"}, 1000000 - 100*kb},
		"nonsense":  {map[string]string{"proc/meminfo": "MemAvailable: x kB\n\nMemAvailable:\n", "proc/self/cgroup": "::::\n0\n", "proc/self/limits": "Max data size\n"}, -1},
		"nothing":   {map[string]string{"proc/meminfo": "", "proc/self/limits": ""}, -1},
	} {
		root := fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}, "proc/self/status": {Data: []byte(status)}, "proc/self/limits": {Data: []byte(limits)}}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		got, ok := availableIn(root)
		if ok != (c.want >= 0) || ok && got != c.want {
			t.Errorf("%s: %d, %v, want %d", name, got, ok, c.want)
		}
	}
	if n, ok := availableMemory(); !ok || n < 1<<20 {
		t.Errorf("here %d bytes are available, %v", n, ok)
	}
}
