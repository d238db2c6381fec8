package dataset

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image/gif"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withText puts a chunk of text behind the header of a PNG.
func withText(b []byte, kind, key string) []byte {
	const header = 8 + 25
	chunk := append([]byte(kind), key+"\x00value"...)
	text := binary.BigEndian.AppendUint32(nil, uint32(len(chunk)-4))
	text = append(text, chunk...)
	text = binary.BigEndian.AppendUint32(text, crc32.ChecksumIEEE(chunk))
	return slices.Concat(b[:header], text, b[header:])
}

// withComment puts a comment before the first frame of a GIF.
func withComment(t testing.TB, text string) []byte {
	var b bytes.Buffer
	if err := gif.Encode(&b, grayed(6, 4, 7), nil); err != nil {
		t.Fatal(err)
	}
	at := 13
	if flags := b.Bytes()[10]; flags&0x80 != 0 {
		at += 3 << (flags&7 + 1)
	}
	return slices.Concat(b.Bytes()[:at], []byte{0x21, 0xfe, byte(len(text))}, []byte(text), []byte{0}, b.Bytes()[at:])
}

func TestIsOwn(t *testing.T) {
	png := tile(t, 7)
	for name, test := range map[string]struct {
		file []byte
		want bool
	}{
		"png":       {png, false},
		"tEXt":      {withText(png, "tEXt", "joule:model"), true},
		"iTXt":      {withText(withText(png, "iTXt", "joule:path"), "tEXt", "Software"), true},
		"another's": {withText(png, "tEXt", "Software"), false},
		"gif":       {withComment(t, "GIMP"), false},
		"own gif":   {withComment(t, "joule:model 1"), true},
		"short":     {png[:20], false},
		"empty":     {nil, false},
		"endless":   {slices.Concat(png[:8], []byte("\xff\xff\xff\xfftEXt")), false},
	} {
		if got := isOwn(bytes.NewReader(test.file)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFolderOwn: folders of runs and pictures made by Joule are no data, and no
// class either, unless there is nothing else.
func TestFolderOwn(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, "a/1.png", "b/2.png", "b/3.png")
	own := withText(tile(t, 9), "tEXt", "joule:model")
	for _, path := range []string{"runs/x/version_0/samples/1.png", "runs/x/version_0/curves.png", "samples.png", "b/mine.png"} {
		put(t, filepath.Join(dir, path), own)
	}
	put(t, filepath.Join(dir, "runs/x/version_0/config.yaml"), nil)
	put(t, filepath.Join(dir, "runs/x/version_0/metrics.csv"), nil)
	put(t, filepath.Join(dir, "a/config.yaml"), nil) // makes no run
	put(t, filepath.Join(dir, "moved", runMarker), nil)
	put(t, filepath.Join(dir, "moved/samples/1.png"), tile(t, 9))
	opt := Options{Cache: t.TempDir()}
	for range 2 { // read, then from the cache
		train, held, p := openTest(t, dir, opt)
		if train.N+held.N != 3 || !slices.Equal(train.Classes, []string{"a", "b"}) || len(p.files) != 0 {
			t.Errorf("%d images, %v, %v", train.N+held.N, train.Classes, p.files)
		}
		if want := map[string]LeftOut{"runs/x/version_0": Own, "moved": Own, "samples.png": Own, "b/mine.png": Own, "a/config.yaml": Other}; !maps.Equal(p.others, want) {
			t.Errorf("left out %v", p.others)
		}
	}
	only := t.TempDir()
	put(t, filepath.Join(only, "1.png"), own)
	put(t, filepath.Join(only, "2.png"), own)
	if train, held, p := openTest(t, only, Options{}); train.N+held.N != 2 || len(p.notes) != 1 || !strings.Contains(p.notes[0], "made by Joule") {
		t.Errorf("own pictures alone: %d, %q", train.N+held.N, p.notes)
	}
}

// TestFolderLeavesOut has a file of every kind that is left out.
func TestFolderLeavesOut(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, "1.png", "2.png", "3.JPG", "Photo", "e.hif", "f.NRW", "old.png.bak", "@eaDir/1.png", "__MACOSX/._1.png", "$RECYCLE.BIN/a.png", "#recycle/a.png",
		".thumbnails/a.png", ".ipynb_checkpoints/a.png", "lost+found/a.png", "._1.png")
	for _, name := range []string{"a.heic", "b.svg", "Thumbs.db", "labels.csv", "broken.png", "class/c.AVIF"} {
		put(t, filepath.Join(dir, name), []byte("nothing"))
	}
	put(t, filepath.Join(dir, "jxl"), []byte("\x00\x00\x00\x0cJXL \r\n\x87\n"))
	want := map[string]LeftOut{
		"Photo": Misnamed, "old.png.bak": Misnamed, "jxl": Misnamed, "a.heic": Foreign, "b.svg": Foreign, "e.hif": Foreign, "f.NRW": Foreign, "class/c.AVIF": Foreign, "broken.png": Broken, "labels.csv": Other,
		"@eaDir": Junk, "__MACOSX": Junk, "$RECYCLE.BIN": Junk, "#recycle": Junk, "lost+found": Junk, "Thumbs.db": Junk,
		".thumbnails": Hidden, ".ipynb_checkpoints": Hidden, "._1.png": Hidden,
	}
	if os.Symlink(dir, filepath.Join(dir, "loop")) == nil {
		want["loop"] = Linked
	}
	got := map[string]LeftOut{}
	opt := Options{Cache: t.TempDir(), Folder: func(e FolderEvent) {
		if e.Kind != 0 {
			got[e.Path] = e.Kind
		}
	}}
	for range 2 {
		clear(got)
		if _, _, err := Open(t.Context(), dir, opt); err != nil || !maps.Equal(got, want) {
			t.Errorf("left out %v, want %v; %v", got, want, err)
		}
	}
	clear(got)
	if n, err := VerifyFolder(t.Context(), dir, opt); n != 3 || err != nil || !maps.Equal(got, want) {
		t.Errorf("verified %d; left out %v; %v", n, got, err)
	}
}

// TestFolderOfNothing: what is there instead of pictures is told.
func TestFolderOfNothing(t *testing.T) {
	links := t.TempDir()
	for _, name := range []string{"a.png", "b.png"} {
		if err := os.Symlink(filepath.Join(t.TempDir(), name), filepath.Join(links, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	of := func(name string) string {
		dir := t.TempDir()
		put(t, filepath.Join(dir, name), tile(t, 1))
		return dir
	}
	for dir, want := range map[string]string{
		links: "but 2 symbolic links, not followed", of("a.heic"): "but 1 picture in a format that is not read", of("photo"): "but 1 picture without a name of one",
		of(".a/1.png"): "but 1 hidden file or folder", of("@eaDir/1.png"): "but 1 file or folder of the system",
	} {
		told := 0
		opt := Options{Cache: t.TempDir(), Folder: func(e FolderEvent) { told++ }}
		_, _, err := Open(t.Context(), dir, opt)
		if err == nil || !strings.Contains(err.Error(), want) || told == 0 {
			t.Errorf("%v, %d told", err, told)
		}
		told = 0
		if _, err := VerifyFolder(t.Context(), dir, opt); err == nil || !strings.Contains(err.Error(), want) || told == 0 {
			t.Errorf("verified: %v, %d told", err, told)
		}
	}
}

// TestFolderRawNames: names that are not UTF-8 are the same from the cache.
func TestFolderRawNames(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a\xff"), 0o777); err != nil {
		t.Skip("no such names here:", err)
	}
	tiles(t, dir, "a\xff/1.png", "b\nb/2.png", "b\nb/3.png")
	put(t, filepath.Join(dir, "b\nb", "\xfe.png"), []byte("x"))
	opt := Options{Cache: t.TempDir()}
	for range 2 {
		train, _, p := openTest(t, dir, opt)
		if !slices.Equal(train.Classes, []string{"a\xff", "b\nb"}) || len(p.files) != 1 || p.files["b\nb/\xfe.png"] == "" {
			t.Errorf("classes %q, left out %q", train.Classes, p.files)
		}
	}
}

// TestFolderTold: what is told is what is there now, whatever is in the cache.
func TestFolderTold(t *testing.T) {
	dir, opt := t.TempDir(), Options{Cache: t.TempDir()}
	tiles(t, dir, "1.png", "2.png", "3.png")
	for _, step := range []struct {
		do    func() error
		files string // that look like pictures
		note  string
	}{
		{func() error { return nil }, "", ""},
		{func() error { return os.WriteFile(filepath.Join(dir, "photo"), tile(t, 4), 0o666) }, "photo", ""},
		{func() error { return os.Rename(filepath.Join(dir, "photo"), filepath.Join(dir, "other")) }, "other", ""},
		{func() error { return os.WriteFile(filepath.Join(dir, "other"), []byte("text"), 0o666) }, "", ""},
		{func() error { return os.Mkdir(filepath.Join(dir, "val"), 0o777) }, "", `"val" is named like a split, but there are no pictures in it`},
		{func() error { return os.Rename(filepath.Join(dir, "val"), filepath.Join(dir, "test")) }, "", `"test" is named like a split, but there are no pictures in it`},
		{func() error { return os.Remove(filepath.Join(dir, "test")) }, "", ""},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		_, _, p := openTest(t, dir, opt)
		files := strings.Join(slices.Sorted(maps.Keys(p.files)), " ")
		if notes := strings.Join(p.notes, "\n"); files != step.files || notes != step.note {
			t.Errorf("told %q and %q, want %q and %q", files, notes, step.files, step.note)
		}
	}
}

// TestFolderPassing: a picture that could not be opened is tried again the next
// time, though neither its time nor its size has changed.
func TestFolderPassing(t *testing.T) {
	dir, opt := t.TempDir(), Options{Cache: t.TempDir()}
	tiles(t, dir, numbered(200, "%03d.png")...) // more than are read before the first is told
	last, away := filepath.Join(dir, "199.png"), filepath.Join(t.TempDir(), "away.png")
	opt.Folder = func(e FolderEvent) {
		if e.Done == 1 {
			if err := os.Rename(last, away); err != nil {
				t.Error(err)
			}
		}
	}
	train, held, err := Open(t.Context(), dir, opt)
	if err != nil || train.N+held.N != 199 {
		t.Fatalf("%v, %v, %v", train, held, err)
	}
	if err := os.Rename(away, last); err != nil {
		t.Fatal(err)
	}
	if train, held, p := openTest(t, dir, opt); train.N+held.N != 200 || len(p.files) > 0 {
		t.Errorf("%d images, left out %v", train.N+held.N, p.files)
	}
}

// TestFolderSniffed: what is not looked into says so.
func TestFolderSniffed(t *testing.T) {
	dir := t.TempDir()
	tiles(t, dir, "a.png", "b.png", "1", "2", "3")
	told := map[string]string{}
	r, err := newFolderReader(dir, Options{Cache: t.TempDir(), Folder: func(e FolderEvent) {
		if e.Err != nil {
			told[e.Path] = e.Err.Error()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.root.Close()
	r.limits.sniffed = 2
	const by = "a picture by its contents, but not by its name"
	want := map[string]string{"1": by, "2": by, "3": "not a picture by its name, and not looked into behind 2 others"}
	if _, _, err := r.open(t.Context()); err != nil || !maps.Equal(told, want) {
		t.Errorf("%v, %v", told, err)
	}
}
