package checkpoint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// BenchmarkChecksums reads a file with checksums and the same without
// them in turn, and reports what they add to the fastest read, in per cent.
func BenchmarkChecksums(b *testing.B) {
	for _, size := range []int{1, 16, 100} {
		b.Run(fmt.Sprintf("%dMB", size), func(b *testing.B) { benchmarkChecksums(b, size) })
	}
}

func benchmarkChecksums(b *testing.B, size int) {
	n := size << 20 / 4
	f := &File{Tensors: []Tensor{{"buffer", []int{n}, make([]float32, n)}}}
	path := filepath.Join(b.TempDir(), "x.safetensors")
	if err := Write(path, f); err != nil {
		b.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	without := filepath.Join(b.TempDir(), "x.safetensors")
	if err := os.WriteFile(without, bytes.Replace(whole, []byte(checksumKey), []byte("other_crc32"), 1), 0o666); err != nil {
		b.Fatal(err)
	}
	var took [2][]time.Duration
	for b.Loop() {
		for i, p := range []string{path, without} {
			start := time.Now()
			if _, err := Read(p); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	with, bare := slices.Min(took[0]), slices.Min(took[1])
	b.ReportMetric(float64(bare.Microseconds())/1000, "bare-ms")
	b.ReportMetric(100*(float64(with)/float64(bare)-1), "%more")
}

// TestQuoted compares the quick way with that of the standard library, by which
// the checksums are defined.
func TestQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text") + "a: \"é−\"\n\n\tb\\\x7f\u2028"
		for i := range len(s) {
			if got := string(appendQuoted(nil, s[i:])); got != strconv.Quote(s[i:]) {
				t.Fatalf("%q became %s", s[i:], got)
			}
		}
	})
}
