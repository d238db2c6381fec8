package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/fetch"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// small is a published model of PyTorch's test files, served by TLS as handle
// says. The client trusts the server and is otherwise the usual one.
func small(t testing.TB, handle func(w http.ResponseWriter, r *http.Request, body []byte)) (p Published, body []byte, client *http.Client) {
	t.Helper()
	body = readFile(t, torchFiles(t, "lightning-legacy*.ckpt")[0])
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, body) }))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	client = fetch.NewClient(fetch.DefaultLimits())
	client.Transport = server.Client().Transport
	sum := sha256.Sum256(body)
	return Published{
		Origin: joule.Origin{Name: "small", Source: server.URL + "/s/MNIST.ckpt", SHA256: hex.EncodeToString(sum[:]), License: "mit"},
		File:   "MNIST.ckpt", Size: int64(len(body)), Output: joule.OutputF,
	}, body, client
}

func serve(w http.ResponseWriter, _ *http.Request, body []byte) { w.Write(body) }

func TestFetchPublished(t *testing.T) {
	var asked atomic.Int32
	p, body, client := small(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		asked.Add(1)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/s/MNIST.ckpt", http.StatusFound)
		case "/s/MNIST.ckpt":
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Write(body)
		default:
			http.NotFound(w, r)
		}
	})
	cache := t.TempDir()
	var done, total int64
	opt := FetchOptions{Cache: cache, Client: client, Progress: func(d, n int64) {
		if d < done {
			t.Errorf("%d bytes after %d", d, done)
		}
		done, total = d, n
	}}
	path, err := p.Fetch(t.Context(), opt)
	if err != nil || path != filepath.Join(cache, "small", "MNIST.ckpt") || string(readFile(t, path)) != string(body) {
		t.Fatalf("%s, error %v", path, err)
	}
	if done != p.Size || total != p.Size {
		t.Errorf("progress ends with %d of %d", done, total)
	}
	// What is there is not fetched again, whether or not that is allowed.
	for _, offline := range []bool{false, true} {
		opt.Offline = offline
		if again, err := p.Fetch(t.Context(), opt); err != nil || again != path {
			t.Errorf("%s, error %v", again, err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("%d requests", asked.Load())
	}

	// A damaged file is, with the address it has moved to.
	if err := os.WriteFile(path, body[1:], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Fetch(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "in the cache cannot be used: is not MNIST.ckpt as it was published") {
		t.Errorf("error %v", err)
	}
	opt.Offline, opt.Source, done = false, strings.Replace(p.Source, "/s/MNIST.ckpt", "/moved", 1), 0
	if _, err := p.Fetch(t.Context(), opt); err != nil || string(readFile(t, path)) != string(body) || asked.Load() != 3 {
		t.Errorf("error %v after %d requests", err, asked.Load())
	}
}

// TestReadPublished reads the model with its origin and holds it to what
// PyTorch computes.
func TestReadPublished(t *testing.T) {
	p, body, _ := small(t, serve)
	path := filepath.Join(t.TempDir(), "MNIST.ckpt")
	if err := os.WriteFile(path, body, 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := p.Read(path, Options{})
	if err != nil || *r.Model.Origin() != p.Origin || r.Output != joule.OutputF || r.SizeGuessed {
		t.Errorf("%+v, error %v", r, err)
	}
	images, f := torchExpected(t)
	energies := make([]float32, 4)
	r.Model.Energies(energies, images)
	for i := range f {
		energies[i] = -energies[i]
	}
	closeTo(t, "f", energies, f, 1e-5)
}

func TestFetchPublishedFaults(t *testing.T) {
	for name, c := range map[string]struct {
		handle func(w http.ResponseWriter, r *http.Request, body []byte)
		want   string
	}{
		"not found": {func(w http.ResponseWriter, r *http.Request, _ []byte) { http.NotFound(w, r) }, "404 Not Found"},
		"short":     {func(w http.ResponseWriter, _ *http.Request, b []byte) { w.Write(b[1:]) }, "bytes, not"},
		"long": {func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.(http.Flusher).Flush()
			w.Write(b)
			w.Write(b)
		}, "more than"},
		"announced": {func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.Header().Set("Content-Length", "1000000000")
			w.(http.Flusher).Flush()
		}, "oversized"},
		"other": {func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.Write(append([]byte{b[0] ^ 1}, b[1:]...))
		}, "its SHA-256 is"},
		"cut": {func(w http.ResponseWriter, _ *http.Request, b []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			w.Write(b[:99])
			panic(http.ErrAbortHandler)
		}, "EOF"},
		"away from TLS": {func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, "http://"+r.Host, http.StatusFound)
		}, "redirect away from HTTPS"},
		"for ever": {func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, "/", http.StatusFound)
		}, "more than 5 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, client := small(t, c.handle)
			cache := t.TempDir()
			_, err := p.Fetch(t.Context(), FetchOptions{Cache: cache, Client: client})
			var e *Error
			if !errors.As(err, &e) || e.Hint == "" || e.Path != p.Source || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), p.Source) != 1 {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if left, _ := os.ReadDir(filepath.Join(cache, "small")); len(left) != 0 {
				t.Errorf("the cache holds %v", left)
			}
		})
	}
}

// TestFetchPublishedRefuses has faults that are found without the server, or
// before it sends anything.
func TestFetchPublishedRefuses(t *testing.T) {
	p, body, client := small(t, serve)
	// The usual client does not know the server's certificate.
	if _, err := p.Fetch(t.Context(), FetchOptions{Cache: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v", err)
	}
	for _, source := range []string{"http" + strings.TrimPrefix(p.Source, "https"), "ftp://a/b", "https://", "https:///x", "file:///etc/passwd", "%"} {
		if _, err := p.Fetch(t.Context(), FetchOptions{Cache: t.TempDir(), Client: client, Source: source}); err == nil || !strings.Contains(err.Error(), "is no https address") {
			t.Errorf("%s: error %v", source, err)
		}
	}
	if _, err := p.Fetch(t.Context(), FetchOptions{Cache: t.TempDir(), Client: client, Offline: true}); err == nil || !strings.Contains(err.Error(), "offline, and the cache has no such file") {
		t.Errorf("offline: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Fetch(ctx, FetchOptions{Cache: t.TempDir(), Client: client}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, body, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Fetch(t.Context(), FetchOptions{Cache: file, Client: client}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a cache that is a file: %v", err)
	}
}

// TestReadPublishedFaults reads what is not the published file, or as what it
// is not.
func TestReadPublishedFaults(t *testing.T) {
	p, body, _ := small(t, serve)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, body, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		opt  Options
		want string
	}{
		{file, Options{Output: joule.OutputEnergy}, "its network outputs f, not energy"},
		{file, Options{Height: 64, Width: 64}, "of images of 64×64 pixels"},
		{torchFiles(t, "lightning*.ckpt")[1], Options{}, "as it was published"},
		{t.TempDir(), Options{}, ""},
		{file + ".none", Options{}, "no such file"},
	} {
		if _, err := p.Read(c.path, c.opt); err == nil || !strings.Contains(err.Error(), c.path) || !strings.Contains(strings.ReplaceAll(err.Error(), "cannot find the", "no such"), c.want) {
			t.Errorf("%s: error %v, want %q", c.path, err, c.want)
		}
	}
}

func TestPublished(t *testing.T) {
	for _, name := range PublishedNames() {
		p, ok := FindPublished(name)
		if b, err := hex.DecodeString(p.SHA256); !ok || err != nil || len(b) != sha256.Size || p.Size == 0 || p.File == "" || p.Output.Validate() != nil ||
			!strings.HasPrefix(p.Source, "https://") || p.Authors == "" || p.Title == "" || p.Notice == "" || !license.MatchString(p.License) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, ok := FindPublished("none"); ok {
		t.Error("none is known")
	}
}

// TestAnchor reads the published model, from the file that JOULE_ANCHOR names,
// and compares mean energies with those that PyTorch computes.
func TestAnchor(t *testing.T) {
	path := os.Getenv("JOULE_ANCHOR")
	if path == "" {
		t.Skip("JOULE_ANCHOR does not name the file")
	}
	p, _ := FindPublished("uvadlc")
	r, err := p.Read(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Model.Parameters() != 76993 || r.SizeGuessed || r.Model.Spec().Input != (lane.Shape{C: 1, H: 28, W: 28}) {
		t.Errorf("%+v", r)
	}
	const n = 1000
	images, energies := make([]float32, n*28*28), make([]float32, n)
	for i := range n {
		random.Stream{Seed: 1}.Uniform(images[i*28*28:][:28*28], uint32(i), 0, -1, 1)
	}
	r.Model.Energies(energies, images)
	mean := 0.0
	for _, e := range energies {
		mean += float64(e) / n
	}
	blank := make([]float32, 28*28)
	for i := range blank {
		blank[i] = -1
	}
	r.Model.Energies(energies[:1], blank)
	if math.Abs(mean-17.91) > 0.02 || math.Abs(float64(energies[0])+0.0310242) > 1e-5 {
		t.Errorf("energies of noise %v, of a blank image %v", mean, energies[0])
	}
}

// TestPublishedGoesOn has the authors and the licence go with the model.
func TestPublishedGoesOn(t *testing.T) {
	p, _, _ := small(t, serve)
	p.Title, p.Authors, p.Notice = "a title\n\n# in two lines", "A. Author", "Copyright (c) A. Author"
	r, err := p.Read(torchFiles(t, "lightning-legacy*.ckpt")[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	exported := filepath.Join(t.TempDir(), "f.safetensors")
	if err := WriteSafetensors(exported, r.Model, joule.OutputF); err != nil {
		t.Fatal(err)
	}
	again, err := Read(exported, Options{})
	if err != nil || *again.Model.Origin() != p.Origin {
		t.Errorf("%+v, error %v", again, err)
	}
	for _, c := range []struct{ license, want string }{{"unknown", "mit"}, {"cc-by-4.0", "cc-by-4.0"}} {
		dir := filepath.Join(t.TempDir(), "model")
		if err := WriteFolder(dir, again.Model, joule.OutputEnergy, FolderOptions{License: c.license}); err != nil {
			t.Fatal(err)
		}
		card := string(readFile(t, filepath.Join(dir, "README.md")))
		if !strings.Contains(card, "\nlicense: "+c.want+"\n") ||
			!strings.Contains(card, "\nThey are of a title # in two lines, by A. Author (Copyright (c) A. Author), licence mit, published at <"+p.Source+">, SHA-256 "+p.SHA256+".\n\n## Use") {
			t.Errorf("%s", card)
		}
	}
}
