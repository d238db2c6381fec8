package exchange

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/exchange/internal/torchfile"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/fetch"
	"github.com/joule-ml/joule/internal/regular"
)

// A Published model is one that others trained and published, as a file that
// torch.save wrote, and whose SHA-256 is known here. Start with
// [FindPublished], then Fetch and Read.
type Published struct {
	joule.Origin // Source is the public address, SHA256 is what a file must have

	File   string // its name
	Size   int64  // bytes
	Output joule.Convention
}

// published are the models there are.
var published = []Published{{
	Origin: joule.Origin{
		Name:    "uvadlc",
		Title:   "energy-based model of MNIST, UvA Deep Learning tutorial 8",
		Source:  "https://raw.githubusercontent.com/phlippe/saved_models/main/tutorial8/MNIST.ckpt",
		SHA256:  "209f0384d8442cde5a6465438786dac3e99156b6090f092c8cb62d2282a825e4",
		Authors: "Phillip Lippe",
		License: "mit",
		Notice:  "Copyright (c) 2020 Phillip Lippe",
	},
	File:   "MNIST.ckpt",
	Size:   310651,
	Output: joule.OutputF,
}}

// PublishedNames lists the models that [FindPublished] knows.
func PublishedNames() (names []string) {
	for _, p := range published {
		names = append(names, p.Name)
	}
	return names
}

// FindPublished returns the published model of a name: "uvadlc", published with
// the notebook that the default recipe comes from.
func FindPublished(name string) (p Published, ok bool) {
	for _, p := range published {
		if p.Name == name {
			return p, true
		}
	}
	return Published{}, false
}

// FetchOptions say how Fetch may get a file.
type FetchOptions struct {
	// Cache holds the files in a folder for each model; "" means joule/models
	// in the user's cache folder.
	Cache string
	// Source is another address of the same file; "" means the public one.
	// It must be https.
	Source string
	// Offline forbids the network: a file in the cache is all there is.
	Offline bool
	// Progress, if set, is told how many bytes are there, and of how many, or
	// 0 if that is not known.
	Progress func(done, total int64)
	// Client, if set, is used in place of one with short timeouts that
	// follows redirects only to https.
	Client *http.Client
}

// Fetch returns the path of the published file in the cache, where it is
// downloaded to if it is not there or damaged. The file is verified by its
// SHA-256 each time. What a user can mend is an [*Error].
func (p Published) Fetch(ctx context.Context, opt FetchOptions) (path string, err error) {
	source := opt.Source
	if source == "" {
		source = p.Source
	}
	if u, err := url.Parse(source); err != nil || u.Scheme != "https" || u.Host == "" {
		return "", &Error{Fault: fmt.Sprintf("%.200q is no https address", source), Hint: "give one that begins with https://, or a file"}
	}
	dir := opt.Cache
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", &Error{Fault: "no cache folder to download to: " + err.Error(), Hint: "set HOME (or XDG_CACHE_HOME, on Windows LocalAppData), or download the file and name it"}
		}
		dir = filepath.Join(cache, "joule", "models")
	}
	path = filepath.Join(dir, p.Name, p.File)
	_, fault := p.load(path)
	if fault == nil {
		return path, nil
	}
	if opt.Offline {
		e := &Error{Path: path, Fault: "offline, and the cache has no such file", Hint: "import " + p.Name + " once with the network allowed, or name a file"}
		if !errors.Is(fault, os.ErrNotExist) {
			e.Fault = "offline, and the file in the cache cannot be used: " + unnamed(fault)
		}
		return "", e
	}
	if err := atomicfile.MakeFolder(filepath.Dir(path)); err != nil {
		return "", fmt.Errorf("exchange: %w", err)
	}
	if err := p.download(ctx, source, path, opt); err != nil {
		return "", err
	}
	return path, nil
}

func (p Published) download(ctx context.Context, source, path string, opt FetchOptions) error {
	limits := fetch.DefaultLimits()
	client := opt.Client
	if client == nil {
		client = fetch.NewClient(limits)
		defer client.CloseIdleConnections()
	}
	if opt.Progress != nil {
		opt.Progress(0, 0)
	}
	err := fetch.Get(ctx, client, limits, source, p.Size, func(body io.Reader, total int64) error {
		return atomicfile.Write(path, func(w io.Writer) error {
			sum := sha256.New()
			counted := &counter{progress: opt.Progress, total: total}
			n, err := io.Copy(io.MultiWriter(w, sum, counted), io.LimitReader(body, p.Size+1))
			if err != nil {
				return err
			}
			return p.check(n, sum)
		})
	})
	var own *Error
	var disk *atomicfile.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("exchange: %s: %w", source, context.Cause(ctx))
	case errors.As(err, &own):
		return &Error{Path: source, Fault: own.Fault, Hint: "the server sends another file than was published: give another address, or a file"}
	case errors.As(err, &disk):
		// Another process may have put the file there; on Windows its readers
		// keep others from replacing it.
		if _, bad := p.load(path); bad == nil {
			return nil
		}
		if disk.Hint != "" { // the disk's
			return fmt.Errorf("exchange: %w", err)
		}
		err = disk.Err
	}
	return &Error{Path: source, Fault: err.Error(), Hint: "check the network and try again, or download the file by other means and name it"}
}

// A counter tells how many bytes passed.
type counter struct {
	done, total int64
	progress    func(done, total int64)
}

func (c *counter) Write(b []byte) (int, error) {
	c.done += int64(len(b))
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
	return len(b), nil
}

// check compares a file with the published one.
func (p Published) check(n int64, sum hash.Hash) error {
	hint := "for a checkpoint of your own leave " + p.Name + " out: joule import FILE --convention f"
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case n > p.Size:
		return &Error{Fault: fmt.Sprintf("is not %s as it was published: more than %d bytes", p.File, p.Size), Hint: hint}
	case n < p.Size:
		return &Error{Fault: fmt.Sprintf("is not %s as it was published: %d bytes, not %d", p.File, n, p.Size), Hint: hint}
	case got != p.SHA256:
		return &Error{Fault: fmt.Sprintf("is not %s as it was published: its SHA-256 is %s…, not %s…", p.File, got[:16], p.SHA256[:16]), Hint: hint}
	}
	return nil
}

// load returns the contents of a file if they are the published ones.
func (p Published) load(path string) ([]byte, error) {
	f, err := regular.Open(path)
	var kind *regular.Error
	if errors.As(err, &kind) {
		return nil, &Error{Path: path, Fault: kind.Error(), Hint: "give the file " + p.File}
	}
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, p.Size+1))
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	sum := sha256.New()
	sum.Write(b)
	if err := p.check(int64(len(b)), sum); err != nil {
		err.(*Error).Path = path
		return nil, err
	}
	return b, nil
}

// Read makes a model of the published file, wherever a copy of it is, which it
// verifies by its SHA-256. The model has p's Origin and outputs E.
func (p Published) Read(path string, opt Options) (*Result, error) {
	b, err := p.load(path)
	if err != nil {
		return nil, err
	}
	if opt.Output != "" && opt.Output != p.Output {
		return nil, &Error{Path: path, Fault: fmt.Sprintf("its network outputs %s, not %s", p.Output, opt.Output), Hint: "leave the convention out"}
	}
	opt.Output = p.Output
	f, err := torchfile.Decode(bytes.NewReader(b), int64(len(b)))
	var r *Result
	if err == nil {
		r, err = fromStateDict(f, opt)
	}
	if err != nil {
		return nil, inPath(path, fromTorch(err))
	}
	r.Model = r.Model.WithOrigin(p.Origin)
	return r, nil
}

// unnamed tells an error without the file's name where another tells it.
func unnamed(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Fault
	}
	return err.Error()
}
