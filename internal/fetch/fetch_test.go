package fetch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/joule-ml/joule/internal/pipenet"
)

// get fetches from a server that does as handle says.
func get(t *testing.T, handle http.HandlerFunc) (body string, total int64, err error) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	err = Get(t.Context(), NewClient(DefaultLimits()), DefaultLimits(), server.URL, 100, func(r io.Reader, n int64) error {
		b, err := io.ReadAll(r)
		body, total = string(b), n
		return err
	})
	return body, total, err
}

func TestGet(t *testing.T) {
	body, total, err := get(t, func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "joule" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("headers %v", r.Header)
		}
		io.WriteString(w, "body")
	})
	if err != nil || body != "body" || total != 4 {
		t.Errorf("%q of %d, error %v", body, total, err)
	}
	body, total, err = get(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		io.WriteString(w, "unannounced")
	})
	if err != nil || body != "unannounced" || total != 0 {
		t.Errorf("%q of %d, error %v", body, total, err)
	}
	mine := errors.New("mine")
	server := httptest.NewServer(http.NotFoundHandler())
	server.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	defer server.Close()
	if err := Get(t.Context(), server.Client(), DefaultLimits(), server.URL, 0, func(io.Reader, int64) error { return mine }); err != mine {
		t.Errorf("error %v", err)
	}
}

// wait lets a server wait, but for a client that has gone.
func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// TestLimits asks servers that are too slow, too large or send elsewhere. Time
// passes only where all wait, so the limits are those of the program.
func TestLimits(t *testing.T) {
	l := DefaultLimits()
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		want   string
		took   time.Duration
	}{
		"status":    {http.NotFound, "the server says 404 Not Found", 0},
		"announced": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 101)) }, "oversized: 101 bytes announced, at most 100", 0},
		"silent":    {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no data for 10s", l.Stall},
		"stalls": {func(w http.ResponseWriter, r *http.Request) {
			wait(r, l.Stall-time.Second) // just in time
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "no data for 10s", 2*l.Stall - time.Second},
		"drips": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				wait(r, l.Stall-time.Second)
			}
		}, "took longer than 10m0s", l.File},
		"redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "more than 5 redirects", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p pipenet.Net
				client := NewClient(l)
				client.Transport.(*http.Transport).DialContext = p.Dial
				begin := time.Now()
				err := Get(t.Context(), client, l, p.Serve(t, c.handle), 100, func(r io.Reader, _ int64) error {
					_, err := io.ReadAll(r)
					return err
				})
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestRedirectAwayFromHTTPS(t *testing.T) {
	secure := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1/", http.StatusFound))
	defer secure.Close()
	l := DefaultLimits()
	client := NewClient(l)
	client.Transport = secure.Client().Transport
	err := Get(t.Context(), client, l, secure.URL, 100, func(io.Reader, int64) error { return nil })
	if err == nil || err.Error() != "redirect away from HTTPS" {
		t.Errorf("error %v", err)
	}
}
