package dataset

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

// limits bound how long a source may take. Mirrors are often unreachable
// behind a firewall, and another source follows: they get little time.
type limits struct {
	connect time.Duration // name lookup and TCP connection, and again for TLS
	stall   time.Duration // without an answer or a further byte
	file    time.Duration // for one file from one mirror
	module  time.Duration // for the go command
}

func defaultLimits() limits {
	return limits{connect: 5 * time.Second, stall: 10 * time.Second, file: 10 * time.Minute, module: 5 * time.Minute}
}

// maxRedirects is ample for a file server behind a content network.
const maxRedirects = 5

func newClient(l limits) *http.Client {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSHandshakeTimeout: l.connect,
		ForceAttemptHTTP2:   true,
		// The checksum is of what the file holds: no second layer of gzip.
		DisableCompression: true,
	}
	if runtime.GOOS != "js" { // a browser connects by itself
		t.DialContext = (&net.Dialer{Timeout: l.connect}).DialContext
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

// download gets the file from a mirror into path.
func (f *finder) download(ctx context.Context, mirror string, file *file, path string) error {
	if f.client == nil {
		f.client = newClient(f.limits)
	}
	source := mirror + file.gz()
	ctx, cancel := context.WithTimeoutCause(ctx, f.limits.file, fmt.Errorf("took longer than %v", f.limits.file))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watch := time.AfterFunc(f.limits.stall, func() { stop(fmt.Errorf("no data for %v", f.limits.stall)) })
	defer watch.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	req.Header.Set("User-Agent", "joule")
	resp, err := f.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("dataset: %s: %w", source, bare(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("dataset: %s: the server says %s", source, resp.Status)
	}
	if resp.ContentLength > file.largest() {
		return fmt.Errorf("dataset: %s: oversized: %d bytes announced, at most %d expected", source, resp.ContentLength, file.largest())
	}
	body := &watched{ctx: ctx, body: resp.Body, watch: watch, stall: f.limits.stall}
	return f.store(file, path, source, body, max(resp.ContentLength, 0))
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
