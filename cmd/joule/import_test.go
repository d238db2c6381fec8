package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/exchange"
)

// publishSmall starts a server that stands for the public one, with an empty
// cache, and returns what it has under the name small, and a client for it.
func publishSmall(t *testing.T) (exchange.Published, *http.Client) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "exchange", "testdata", "torch", "lightning-legacy-1.13.ckpt"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/m.ckpt" {
			http.NotFound(w, r)
			return
		}
		w.Write(body)
	}))
	t.Cleanup(server.Close)
	cache := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, cache)
	}
	sum := sha256.Sum256(body)
	return exchange.Published{
		Origin: joule.Origin{Name: "small", Title: "a model", Notice: "Copyright (c) A. Author", License: "mit", Source: server.URL + "/m.ckpt", SHA256: hex.EncodeToString(sum[:])},
		File:   "m.ckpt", Size: int64(len(body)), Output: joule.OutputF,
	}, server.Client()
}

// TestImportPublished fetches a model from a server that stands for the public
// one.
func TestImportPublished(t *testing.T) {
	known, client := publishSmall(t)
	site := strings.TrimSuffix(known.Source, "/m.ckpt")
	out := filepath.Join(t.TempDir(), "out.safetensors")
	// try runs joule import small with more words and wants an exit code.
	try := func(code int, environ []string, words ...string) string {
		t.Helper()
		a, stdout, stderr := testApp(environ...)
		a.client = client
		a.published = func(name string) (exchange.Published, bool) { return known, name == known.Name }
		if got := a.run(append([]string{"import", "small", "-o", out}, words...)); got != code || stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, want %d: %s%s", words, got, code, stdout, stderr)
		}
		return stderr.String()
	}
	offline := []string{"JOULE_OFFLINE=true"}
	for _, said := range []string{try(1, offline), try(1, nil, "--offline"), try(1, nil, "--offline", known.Source)} {
		if !strings.Contains(said, "offline, and the cache has no such file\nhint: import small once with the network allowed") {
			t.Error(said)
		}
	}
	if said := try(1, nil, site+"/other"); !strings.Contains(said, "404 Not Found\nhint: check the network") {
		t.Error(said)
	}
	if _, err := os.Stat(out); err == nil {
		t.Fatal("a model is there before one was fetched")
	}
	said := try(0, nil)
	for _, want := range []string{
		"fetching m.ckpt from " + strings.TrimPrefix(site, "https://") + "\n",
		"small: a model; Copyright (c) A. Author, licence mit\n", " parameters on images of 1×28×28\n",
		"the network output f = −E: its last layer is negated\n", "wrote " + out + "\n",
	} {
		if strings.Count(said, want) != 1 {
			t.Errorf("%q is not once in %s", want, said)
		}
	}
	m, err := joule.LoadModel(out)
	if err != nil || m.Origin() == nil || *m.Origin() != known.Origin {
		t.Errorf("%+v, error %v", m, err)
	}
	// From the cache, from there by name, and with what the file says anyway.
	for _, words := range [][]string{
		{"--offline"}, {"--convention", "f", "--size", "28x28"},
		{filepath.Join("..", "..", "exchange", "testdata", "torch", "lightning-legacy-1.13.ckpt")},
	} {
		if said := try(0, offline, words...); strings.Contains(said, "fetching") {
			t.Error(said)
		}
	}
}
