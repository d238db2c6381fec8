// Package fetch gets files over HTTP within limits: of time, of size, and of
// where redirects may lead. Start with NewClient and Get.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"time"
)

// Limits bound how long a server may take. Servers are often unreachable
// behind a firewall: they get little time.
type Limits struct {
	Connect time.Duration // name lookup and TCP connection, and again for TLS
	Stall   time.Duration // without an answer or a further byte
	File    time.Duration // for the whole of a file
}

// DefaultLimits returns seconds for an answer and ten minutes for a file.
func DefaultLimits() Limits {
	return Limits{Connect: 5 * time.Second, Stall: 10 * time.Second, File: 10 * time.Minute}
}

// maxRedirects is ample for a file server behind a content network.
const maxRedirects = 5

// NewClient returns a client that follows a few redirects, but none away from
// HTTPS.
func NewClient(l Limits) *http.Client {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSHandshakeTimeout: l.Connect,
		ForceAttemptHTTP2:   true,
		// Checksums are of what a file holds: no second layer of gzip.
		DisableCompression: true,
	}
	if runtime.GOOS != "js" { // a browser connects by itself
		t.DialContext = (&net.Dialer{Timeout: l.Connect}).DialContext
	}
	return &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errors.New("redirect away from HTTPS")
		}
		return nil
	}}
}

// Get has use read what a server sends for source, and returns its error. It
// refuses a file that is announced to be larger than most bytes; use has to
// stop at a server that sends more than it announced. total is the number of
// bytes announced, or 0. Errors of the server and of the way to it do not name
// the source.
func Get(ctx context.Context, client *http.Client, l Limits, source string, most int64, use func(body io.Reader, total int64) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.File, fmt.Errorf("took longer than %v", l.File))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watch := time.AfterFunc(l.Stall, func() { stop(fmt.Errorf("no data for %v", l.Stall)) })
	defer watch.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return bare(err)
	}
	req.Header.Set("User-Agent", "joule")
	resp, err := client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return bare(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server says %s", resp.Status)
	}
	if resp.ContentLength > most {
		return fmt.Errorf("oversized: %d bytes announced, at most %d expected", resp.ContentLength, most)
	}
	return use(&watched{ctx: ctx, body: resp.Body, watch: watch, stall: l.Stall}, max(resp.ContentLength, 0))
}

// watched is a response that must keep coming.
type watched struct {
	ctx   context.Context
	body  io.Reader
	watch *time.Timer
	stall time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.watch.Reset(w.stall)
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(w.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// bare takes the URL out of an error that tells it again.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
