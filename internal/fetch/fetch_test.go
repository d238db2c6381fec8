package fetch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// get fetches from a server that does as handle says.
func get(t *testing.T, l Limits, handle http.HandlerFunc) (body string, total int64, err error) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	err = Get(t.Context(), NewClient(l), l, server.URL, 100, func(r io.Reader, n int64) error {
		b, err := io.ReadAll(r)
		body, total = string(b), n
		return err
	})
	return body, total, err
}

func TestGet(t *testing.T) {
	body, total, err := get(t, DefaultLimits(), func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "joule" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("headers %v", r.Header)
		}
		io.WriteString(w, "body")
	})
	if err != nil || body != "body" || total != 4 {
		t.Errorf("%q of %d, error %v", body, total, err)
	}
	body, total, err = get(t, DefaultLimits(), func(w http.ResponseWriter, _ *http.Request) {
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

func TestLimits(t *testing.T) {
	short := Limits{Connect: time.Second, Stall: 200 * time.Millisecond, File: 10 * time.Second}
	drip := Limits{Connect: time.Second, Stall: 5 * time.Second, File: 300 * time.Millisecond}
	for name, c := range map[string]struct {
		limits Limits
		handle http.HandlerFunc
		want   string
	}{
		"status":    {short, http.NotFound, "the server says 404 Not Found"},
		"announced": {short, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 101)) }, "oversized: 101 bytes announced, at most 100"},
		"silent":    {short, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no data for 200ms"},
		"stalls": {short, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "no data for 200ms"},
		"drips": {drip, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, "took longer than 300ms"},
		"redirects": {short, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "more than 5 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := get(t, c.limits, c.handle); err == nil || err.Error() != c.want && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	secure := httptest.NewTLSServer(http.RedirectHandler("http://127.0.0.1/", http.StatusFound))
	defer secure.Close()
	client := NewClient(short)
	client.Transport = secure.Client().Transport
	err := Get(t.Context(), client, short, secure.URL, 100, func(io.Reader, int64) error { return nil })
	if err == nil || err.Error() != "redirect away from HTTPS" {
		t.Errorf("error %v", err)
	}
}
