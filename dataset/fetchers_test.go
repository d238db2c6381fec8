package dataset

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestManyFetchersOneCache(t *testing.T) {
	var begun sync.WaitGroup // all fetchers: the first is not done before
	begun.Add(9)
	server := serveTiny(t, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		begun.Wait()
		return false
	})
	cache := t.TempDir()
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			begun.Done()
			train, test, err := newFinder(tiny(server), Options{Cache: cache}).open(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			checkTiny(t, train, test)
		})
	}
	for range 3 {
		group.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "JOULE_TEST_ROLE=fetch", "GORACE=atexit_sleep_ms=0", "JOULE_TEST_CACHE="+cache, "JOULE_TEST_MIRROR="+server)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Start()
			begun.Done()
			if err == nil {
				err = cmd.Wait()
			}
			if err != nil {
				t.Errorf("another process: %v: %s", err, out.String())
			}
		})
	}
	group.Wait()
	if left, err := os.ReadDir(filepath.Join(cache, "tiny")); err != nil || len(left) != 4 {
		t.Errorf("the cache holds %v, error %v", left, err)
	}
}

func TestKilledFetcher(t *testing.T) {
	var first atomic.Bool
	halfway := make(chan struct{})
	server := serveTiny(t, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if !first.CompareAndSwap(false, true) {
			return false
		}
		// The fetcher buffers 64 kB before it writes.
		w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		close(halfway)
		hang(w, r)
		return true
	})
	cache := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOULE_TEST_ROLE=fetch", "GORACE=atexit_sleep_ms=0", "JOULE_TEST_CACHE="+cache, "JOULE_TEST_MIRROR="+server)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-halfway
	cmd.Process.Kill()
	cmd.Wait()
	train, test, err := newFinder(tiny(server), Options{Cache: cache}).open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkTiny(t, train, test)
	if left, err := os.ReadDir(filepath.Join(cache, "tiny")); err != nil || len(left) != 4 && runtime.GOOS == "linux" {
		t.Errorf("the cache holds %v, error %v", left, err)
	}
}
