package imagefile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"io"
)

const (
	pngMagic  = "\x89PNG\r\n\x1a\n"
	pngEnd    = "\x00\x00\x00\x00IEND\xae\x42\x60\x82"
	pngHeader = 8 + 8 + 13 // bytes up to the header's checksum
	// maxChunks bounds the chunks of a PNG that are looked at: a file of
	// MaxBytes has fewer if they are of 1 kB. libpng writes 8 kB.
	maxChunks = 1 << 16
)

func openPNG(s *source) (*File, error) {
	head, err := s.bytes(0, pngHeader)
	if err != nil {
		return nil, err
	}
	f := &File{Width: int(binary.BigEndian.Uint32(head[16:])), Height: int(binary.BigEndian.Uint32(head[20:]))}
	f.Gray = head[25] == 0 || head[25] == 4 // gray, gray with alpha; the three others are in colour
	if err := checkSize(f.Width, f.Height); err != nil {
		return nil, err
	}
	if _, err := png.DecodeConfig(s.stream("")); err != nil { // looks at what else is in the header
		return nil, pngError(err)
	}
	f.Orientation = s.pngOrientation()
	f.decode = func() (image.Image, error) {
		m, err := s.complete(png.Decode, pngEnd)
		if mendable(err) {
			var whole []byte
			if whole, err = s.trimmedPNG(head); err == nil {
				m, err = png.Decode(bytes.NewReader(whole))
			}
		}
		return m, pngError(err)
	}
	return f, nil
}

// mendable tells whether a fault is in what libpng passes over: data behind the
// pixels, and palettes and transparency of pictures that have none.
func mendable(err error) bool {
	switch err {
	case png.FormatError("too much pixel data"), png.FormatError("PLTE, color type mismatch"), png.FormatError("tRNS, color type mismatch"):
		return true
	}
	return false
}

func pngError(err error) error {
	var u png.UnsupportedError
	if errors.As(err, &u) {
		return unsupported("PNG pictures with this %s", string(u))
	}
	return err
}

type chunk struct {
	kind     string
	at, size int64 // where it begins, and the bytes of its data
}

// chunks goes through the chunks of a PNG, until its end or something that is no
// chunk.
func (s *source) chunks() func(yield func(chunk) bool) {
	return func(yield func(chunk) bool) {
		at := int64(len(pngMagic))
		for range maxChunks {
			b, err := s.bytes(at, 8)
			if err != nil {
				return
			}
			c := chunk{string(b[4:]), at, int64(binary.BigEndian.Uint32(b))}
			if c.kind == "IEND" || at+8+c.size > s.Size() || !yield(c) {
				return
			}
			at += 8 + c.size + 4
		}
	}
}

// trimmedPNG returns the picture without what package image/png refuses and
// libpng passes over.
func (s *source) trimmedPNG(head []byte) ([]byte, error) {
	var whole bytes.Buffer
	var data []io.Reader
	whole.WriteString(pngMagic)
	for c := range s.chunks() {
		kind := head[25] // 3 has a palette; 4 and 6 have alpha
		switch {
		case c.kind == "IHDR", c.kind == "PLTE" && kind == 3, c.kind == "tRNS" && kind < 4:
			b, err := s.bytes(c.at, min(8+c.size+4, 4096)) // a palette has 768 bytes
			if err != nil {
				return nil, err
			}
			whole.Write(b)
		case c.kind == "IDAT":
			data = append(data, io.NewSectionReader(s, c.at+8, c.size))
		}
	}
	z, err := zlib.NewReader(io.MultiReader(data...))
	if err != nil {
		return nil, err
	}
	var pixels bytes.Buffer
	pixels.WriteString("IDAT")
	w, _ := zlib.NewWriterLevel(&pixels, zlib.BestSpeed)
	if _, err := io.CopyN(w, z, pngDataSize(head)); err != nil {
		return nil, unexpected(err)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	whole.Write(binary.BigEndian.AppendUint32(nil, uint32(pixels.Len()-4)))
	whole.Write(pixels.Bytes())
	whole.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(pixels.Bytes())))
	whole.WriteString(pngEnd)
	return whole.Bytes(), nil
}

// pngDataSize returns the bytes of the pixels with their filters, before they
// are compressed.
func pngDataSize(head []byte) int64 {
	w, h := int64(binary.BigEndian.Uint32(head[16:])), int64(binary.BigEndian.Uint32(head[20:]))
	samples := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[head[25]]
	bits := samples * int64(head[24])
	size := func(w, h int64) int64 {
		if w == 0 || h == 0 {
			return 0
		}
		return h * (1 + (w*bits+7)/8)
	}
	if head[28] == 0 {
		return size(w, h)
	}
	total := int64(0)
	for _, p := range [7][4]int64{ // of Adam7: first column and row, steps
		{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
	} {
		total += size((w-p[0]+p[2]-1)/p[2], (h-p[1]+p[3]-1)/p[3])
	}
	return total
}
