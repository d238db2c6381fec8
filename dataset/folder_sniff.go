package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
)

// sniff looks at the beginning of every picture. It takes Joule's own out of the
// list, unless there are no others.
func (r *folderReader) sniff(ctx context.Context, l *listing) error {
	own := make([]bool, len(l.pictures))
	each(ctx, len(own), func(i int) error {
		f, err := r.openPicture(&l.pictures[i])
		if err != nil {
			return err // reading tells it
		}
		defer f.Close()
		own[i] = isOwn(f)
		return nil
	}, func(int) {})
	if n := len(own); n > 0 && !slices.Contains(own, false) {
		l.note("all pictures in it were made by Joule, and are taken as they are")
	} else {
		all := l.pictures
		l.pictures = nil
		for i, p := range all {
			if own[i] {
				l.found = append(l.found, skipped{rawName(p.path), "made by Joule", Own})
				continue
			}
			l.pictures = append(l.pictures, p)
		}
	}
	return r.stopped(ctx)
}

// sniffOthers finds pictures among the files whose names do not say so.
func (r *folderReader) sniffOthers(ctx context.Context, l *listing) error {
	var others []string
	for i, s := range l.skipped {
		switch {
		case s.Kind != Other:
		case len(others) == r.limits.sniffed:
			l.skipped[i].Reason = fmt.Sprintf("not a picture by its name, and not looked into behind %d others", r.limits.sniffed)
		default:
			others = append(others, string(s.Path))
		}
	}
	is := make([]bool, len(others))
	each(ctx, len(others), func(i int) error {
		is[i] = r.beginsAsPicture(others[i])
		return nil
	}, func(int) {})
	for i, path := range others {
		if is[i] {
			l.found = append(l.found, skipped{rawName(path), "a picture by its contents, but not by its name", Misnamed})
		}
	}
	return r.stopped(ctx)
}

func (r *folderReader) beginsAsPicture(path string) bool {
	st, err := r.root.Lstat(path)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := r.openPicture(&picture{path: path, info: st})
	if err != nil {
		return false
	}
	defer f.Close()
	var b [16]byte
	n, _ := io.ReadFull(f, b[:])
	return beginsAsPicture(b[:n])
}

// runMarker is the file that says so in the folder of a run; package run writes it.
const runMarker = ".joule-run"

// isRun tells whether the folder is one that Joule keeps a training in.
func (r *folderReader) isRun(dir string) bool {
	if st, err := r.root.Lstat(path.Join(dir, runMarker)); err == nil && st.Mode().IsRegular() {
		return true
	}
	st, err := r.root.Lstat(path.Join(dir, "config.yaml"))
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	for _, name := range []string{"checkpoints", "metrics.csv", "model.safetensors"} {
		if _, err := r.root.Lstat(path.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// ownKey begins the keys of the texts that Joule writes into pictures.
const ownKey = "joule:"

// isOwn tells by the texts in it whether Joule made a picture.
func isOwn(f io.ReadSeeker) bool {
	var head [13]byte
	if _, err := io.ReadFull(f, head[:8]); err != nil {
		return false
	}
	switch {
	case string(head[:8]) == "\x89PNG\r\n\x1a\n":
		return isOwnPNG(f)
	case string(head[:4]) == "GIF8":
		_, err := io.ReadFull(f, head[8:])
		return err == nil && isOwnGIF(f, head[10])
	}
	return false
}

// isOwnPNG looks for a chunk of text of ours before the pixels.
func isOwnPNG(f io.ReadSeeker) bool {
	for range 256 { // chunks; files of others may have many
		var head [8]byte
		if _, err := io.ReadFull(f, head[:]); err != nil {
			return false
		}
		n, kind := int64(binary.BigEndian.Uint32(head[:])), string(head[4:])
		if kind == "IDAT" || kind == "IEND" {
			return false
		}
		if (kind == "tEXt" || kind == "iTXt") && n >= int64(len(ownKey)) {
			var key [len(ownKey)]byte
			if _, err := io.ReadFull(f, key[:]); err != nil {
				return false
			}
			if string(key[:]) == ownKey {
				return true
			}
			n -= int64(len(key))
		}
		if _, err := f.Seek(n+4, io.SeekCurrent); err != nil { // the checksum follows
			return false
		}
	}
	return false
}

// isOwnGIF looks for a comment of ours before the first frame.
func isOwnGIF(f io.ReadSeeker, flags byte) bool {
	if flags&0x80 != 0 { // a colour table
		if _, err := f.Seek(3<<(flags&7+1), io.SeekCurrent); err != nil {
			return false
		}
	}
	for range 256 { // blocks
		var head [2]byte
		if _, err := io.ReadFull(f, head[:]); err != nil || head[0] != 0x21 {
			return false
		}
		text, err := subBlocks(f)
		if err != nil {
			return false
		}
		if head[1] == 0xfe && bytes.HasPrefix(text, []byte(ownKey)) {
			return true
		}
	}
	return false
}

// subBlocks reads the data of a GIF's extension and returns its first block.
func subBlocks(r io.Reader) (first []byte, err error) {
	for i := range 4096 {
		var n [1]byte
		if _, err := io.ReadFull(r, n[:]); err != nil || n[0] == 0 {
			return first, err
		}
		b := make([]byte, n[0])
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		if i == 0 {
			first = b
		}
	}
	return nil, errors.New("too many blocks")
}
