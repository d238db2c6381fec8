package dataset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/joule-ml/joule/internal/fetch"
	"github.com/joule-ml/joule/internal/pipenet"
)

// serveTiny serves the tiny data set, compressed; handle, if not nil, may
// answer in its place by returning true. The URL ends in a slash.
func serveTiny(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, body []byte) bool) string {
	t.Helper()
	server := httptest.NewServer(tinyHandler(handle))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL + "/"
}

// tinyHandler is what serveTiny serves.
func tinyHandler(handle func(w http.ResponseWriter, r *http.Request, body []byte) bool) http.Handler {
	all := packed()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := all[strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".gz")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if handle == nil || !handle(w, r, body) {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Write(body)
		}
	})
}

// overPipes returns a finder on a network of pipes, where time passes only when
// all wait, with limits of a few seconds.
func overPipes(p *pipenet.Net, s *spec, opt Options) *finder {
	f := newFinder(s, opt)
	f.limits = limits{fetch.Limits{Connect: time.Second, Stall: 5 * time.Second, File: 10 * time.Second}, 10 * time.Second}
	f.client = fetch.NewClient(f.limits.Limits)
	f.client.Transport.(*http.Transport).DialContext = p.Dial
	return f
}

func TestDownload(t *testing.T) {
	var asked atomic.Int32
	server := serveTiny(t, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		asked.Add(1)
		return false
	})
	cache := t.TempDir()
	var events []Event
	opt := Options{Cache: cache, Progress: func(e Event) { events = append(events, e) }}
	for range 2 {
		train, test, err := newFinder(tiny(server), opt).open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkTiny(t, train, test)
	}
	if asked.Load() != 4 {
		t.Errorf("%d requests for 4 files", asked.Load())
	}
	last := map[string]Event{}
	for _, e := range events {
		before := last[e.File]
		if e.Err != nil || e.Done < before.Done || e.Source != server+e.File+".gz" {
			t.Errorf("event %+v after %+v", e, before)
		}
		last[e.File] = e
	}
	for name, b := range packed() {
		if e := last[name]; e.Done != int64(len(b)) || e.Total != e.Done {
			t.Errorf("last event %+v", e)
		}
	}
	names, err := filepath.Glob(filepath.Join(cache, "tiny", "*"))
	if hidden, _ := filepath.Glob(filepath.Join(cache, "tiny", ".*")); err != nil || len(names) != 4 || len(hidden) != 0 {
		t.Errorf("the cache holds %v and %v", names, hidden)
	}
}

// A server may take the compression for its own and remove it.
func TestDownloadDecompressed(t *testing.T) {
	server := serveTiny(t, func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("Accept-Encoding: %s", r.Header.Get("Accept-Encoding"))
		}
		w.Write(payload()[strings.TrimSuffix(r.URL.Path[1:], ".gz")])
		return true
	})
	opt := Options{Cache: t.TempDir()}
	for range 2 {
		train, test, err := newFinder(tiny(server), opt).open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkTiny(t, train, test)
	}
}

// hang keeps a response open until the client goes away.
func hang(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// mirrorFaults is what can be wrong with a mirror.
var mirrorFaults = map[string]struct {
	handle func(w http.ResponseWriter, r *http.Request, body []byte) bool
	want   string
}{
	"not found": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		http.NotFound(w, r)
		return true
	}, "404 Not Found"},
	"cut": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}, "truncated"},
	"short": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write(body[:len(body)/2])
		return true
	}, "truncated"},
	"other data": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write(compress(encodeIDX([]int{50, 40, 30}, noise(50*40*30, 77))))
		return true
	}, "wrong contents"},
	"login page": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write([]byte("<html>Please log in</html>"))
		return true
	}, "not an IDX file"},
	"announced oversized": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Header().Set("Content-Length", "1000000000000")
		hang(w, r)
		return true
	}, "oversized"},
	"endless": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		// gzip members that hold nothing: only their own size gives them away
		for empty := compress(nil); r.Context().Err() == nil; {
			w.Write(empty)
		}
		return true
	}, "oversized"},
	"more after the end": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write(append(slices.Clone(body), compress([]byte("more"))...))
		return true
	}, "oversized"},
	"stalls at once": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		<-r.Context().Done()
		return true
	}, "no data for 5s"},
	"stalls halfway": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write(body[:len(body)/2])
		hang(w, r)
		return true
	}, "no data for 5s"},
	"redirects for ever": {func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
		return true
	}, "more than 5 redirects"},
}

func TestMirrorFaults(t *testing.T) {
	for name, c := range mirrorFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testMirrorFault(t, c.handle, c.want, strings.HasPrefix(name, "stalls")) })
		})
	}
}

// testMirrorFault asks a bad mirror alone, and then with a good one beside it.
func testMirrorFault(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, body []byte) bool, want string, stalls bool) {
	var p pipenet.Net
	bad := p.Serve(t, tinyHandler(handle))
	cache := t.TempDir()
	f := overPipes(&p, tiny(bad), Options{Cache: cache})
	begin := time.Now()
	_, _, err := f.open(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), bad) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); (took > 0) != stalls {
		t.Errorf("it took %v", took)
	}
	if left, _ := os.ReadDir(filepath.Join(cache, "tiny")); len(left) != 0 {
		t.Errorf("the cache holds %v", left)
	}

	var faults int
	opt := Options{Cache: cache, Progress: func(e Event) {
		if e.Err != nil {
			faults++
		}
	}}
	train, test, err := overPipes(&p, tiny(bad, p.Serve(t, tinyHandler(nil))), opt).open(t.Context())
	if err != nil {
		t.Fatalf("with a second mirror: %v", err)
	}
	checkTiny(t, train, test)
	if faults != 1 {
		t.Errorf("%d faults reported: a mirror that failed must not be asked again", faults)
	}
}

func TestMirrorUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, _, err := newFinder(tiny(server.URL+"/"), Options{Cache: t.TempDir()}).open(t.Context())
	if err == nil || !strings.Contains(err.Error(), server.URL) || strings.Count(err.Error(), server.URL) != 1 {
		t.Errorf("error %v", err)
	}
}

// A server that sends a byte now and then is cut off at the limit for a file.
func TestMirrorDrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pipenet.Net
		server := p.Serve(t, tinyHandler(func(w http.ResponseWriter, r *http.Request, body []byte) bool {
			for i := 0; r.Context().Err() == nil; i++ {
				w.Write(body[i : i+1])
				w.(http.Flusher).Flush()
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
				}
			}
			return true
		}))
		_, _, err := overPipes(&p, tiny(server), Options{Cache: t.TempDir()}).open(t.Context())
		if err == nil || !strings.Contains(err.Error(), "took longer than 10s") {
			t.Errorf("error %v", err)
		}
	})
}

func TestRedirectAwayFromHTTPS(t *testing.T) {
	plain := serveTiny(t, nil)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain+r.URL.Path[1:], http.StatusFound)
	}))
	defer secure.Close()
	f := newFinder(tiny(secure.URL+"/"), Options{Cache: t.TempDir()})
	f.client = fetch.NewClient(f.limits.Limits)
	f.client.Transport = secure.Client().Transport
	if _, _, err := f.open(t.Context()); err == nil || !strings.Contains(err.Error(), "away from HTTPS") {
		t.Errorf("error %v", err)
	}
	for _, s := range specs() {
		for _, m := range s.mirrors {
			if !strings.HasPrefix(m, "https://") || !strings.HasSuffix(m, "/") {
				t.Errorf("mirror %s", m)
			}
		}
	}
}

func TestDownloadCancelled(t *testing.T) {
	started := make(chan struct{}, 10)
	server := serveTiny(t, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write(body[:len(body)/2])
		started <- struct{}{}
		hang(w, r)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	cache := t.TempDir()
	f := newFinder(tiny(server, serveTiny(t, nil)), Options{Cache: cache})
	f.limits.Stall = time.Minute
	_, _, err := f.open(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(cache, "tiny")); len(left) != 0 {
		t.Errorf("the cache holds %v", left)
	}
}

func TestDamagedCacheIsFetchedAgain(t *testing.T) {
	cache := t.TempDir()
	fill(t, filepath.Join(cache, "tiny"), true)
	path := filepath.Join(cache, "tiny", trainImages+".gz")
	put(t, path, []byte("damaged"))
	var damage error
	opt := Options{Cache: cache, Progress: func(e Event) {
		if e.Source == path {
			damage = e.Err
		}
	}}
	f := newFinder(tiny(serveTiny(t, nil)), opt)
	train, test, err := f.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkTiny(t, train, test)
	if damage == nil {
		t.Error("the damage was not reported")
	}
	if _, err := f.spec.trainImages.load(path, false); err != nil {
		t.Errorf("the cache still holds %v", err)
	}
}

func TestFailedDownloadKeepsEarlierFile(t *testing.T) {
	cache := t.TempDir()
	path := filepath.Join(cache, "tiny", trainImages+".gz")
	put(t, path, []byte("earlier"))
	server := serveTiny(t, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		w.Write(body[:len(body)/2])
		return true
	})
	if _, _, err := newFinder(tiny(server), Options{Cache: cache}).open(t.Context()); err == nil {
		t.Error("no error")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "earlier" {
		t.Errorf("the cache holds %q, error %v", b, err)
	}
}
