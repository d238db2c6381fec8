package imagefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/bmp"
)

// Package bmp knows the plainest headers alone. Whatever the file's is, the
// decoder is given one of those.

const (
	bmpFileHeader = 14
	bmpInfo       = 40  // BITMAPINFOHEADER
	bmpInfoAlpha  = 108 // BITMAPV4HEADER
)

// A bitmap is what the header of a BMP says.
type bitmap struct {
	width, height int
	topDown       bool
	bits          int
	alpha         bool
	palette       []byte // blue, green, red, 0 for each of 1 << bits; nil above 8 bits
	pixels        int64  // where they begin
}

func openBMP(s *source) (*File, error) {
	b, err := readBMPHeader(s)
	if err != nil {
		return nil, err
	}
	if err := checkSize(b.width, b.height); err != nil {
		return nil, err
	}
	row := (int64(b.width)*int64(b.bits) + 31) / 32 * 4
	size := row * int64(b.height)
	if b.pixels+size > s.Size() {
		return nil, errors.New("not enough pixel data")
	}
	f := &File{Width: b.width, Height: b.height}
	f.decode = func() (image.Image, error) {
		pixels := io.NewSectionReader(s, b.pixels, size)
		return bmp.Decode(bufio.NewReader(io.MultiReader(bytes.NewReader(b.header()), pixels)))
	}
	return f, nil
}

func readBMPHeader(s *source) (*bitmap, error) {
	le := binary.LittleEndian
	start, err := s.bytes(0, bmpFileHeader+4)
	if err != nil {
		return nil, err
	}
	base, b := int64(0), &bitmap{}
	if string(start[:2]) == "BM" {
		base, b.pixels = bmpFileHeader, int64(le.Uint32(start[10:]))
		start = start[bmpFileHeader:]
	}
	n := int64(le.Uint32(start))
	switch n {
	case 12, 16, 40, 52, 56, 64, 108, 124:
	default:
		return nil, unsupported("BMP pictures with a header of %d bytes", n)
	}
	h := make([]byte, 124) // fields that are not there are 0
	if _, err := io.ReadFull(io.NewSectionReader(s, base, n), h[:n]); err != nil {
		return nil, unexpected(err)
	}
	if n == 12 {
		core := bytes.Clone(h)
		clear(h[4:])
		copy(h[4:], core[4:6])
		copy(h[8:], core[6:8])
		copy(h[12:], core[8:12])
	}
	b.width, b.height = int(int32(le.Uint32(h[4:]))), int(int32(le.Uint32(h[8:])))
	if b.height < 0 {
		b.height, b.topDown = -b.height, true
	}
	b.bits = int(le.Uint16(h[14:]))
	end := base + n
	masks, err := b.format(s, h, n, &end)
	if err != nil {
		return nil, err
	}
	b.alpha = masks[3] != 0
	return b, b.colours(s, h, n, end)
}

// format refuses what the decoder does not know, and returns the masks of red,
// green, blue and alpha. They may be behind the header, whose end then moves.
func (b *bitmap) format(s *source, h []byte, n int64, end *int64) (masks [4]uint32, err error) {
	const rgb, rle8, rle4, fields, jpeg, png = 0, 1, 2, 3, 4, 5
	le := binary.LittleEndian
	switch compression := le.Uint32(h[16:]); compression {
	case rgb:
	case fields:
		at := h[bmpInfo:]
		if n == bmpInfo {
			if at, err = s.bytes(*end, 12); err != nil {
				return masks, err
			}
			*end += 12
			at = append(at, 0, 0, 0, 0)
		}
		for i := range masks[:3] {
			masks[i] = le.Uint32(at[4*i:])
		}
		if n >= 56 || n == bmpInfo {
			masks[3] = le.Uint32(at[12:])
		}
		if b.bits == 32 && masks != [4]uint32{0xff0000, 0xff00, 0xff} && masks != [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000} {
			return masks, unsupported("BMP pictures with these masks of colours")
		}
	case rle8, rle4:
		return masks, unsupported("run-length coded BMP pictures")
	case jpeg, png:
		return masks, unsupported("BMP pictures that hold a JPEG or PNG")
	default:
		return masks, unsupported("BMP pictures of compression %d", compression)
	}
	switch b.bits {
	case 1, 2, 4, 8, 24, 32:
		return masks, nil
	}
	return masks, unsupported("BMP pictures of %d bits a pixel", b.bits)
}

// colours reads the palette, which begins at from, and finds out where the
// pixels are. Colours that are not there are black.
func (b *bitmap) colours(s *source, h []byte, n, from int64) error {
	used := int64(binary.LittleEndian.Uint32(h[32:]))
	entry := int64(4)
	if n == 12 {
		entry = 3
	}
	if b.bits <= 8 {
		all := int64(1) << b.bits
		if used == 0 || used > all {
			used = all
		}
		if b.pixels > 0 {
			used = max(0, min(used, (b.pixels-from)/entry))
		}
		table, err := s.bytes(from, used*entry)
		if err != nil {
			return err
		}
		b.palette = make([]byte, 4*all)
		for i := range used {
			copy(b.palette[4*i:4*i+3], table[i*entry:])
		}
	}
	if b.pixels == 0 {
		b.pixels = from + min(used, 1<<16)*entry
	}
	return nil
}

// header writes what package bmp knows.
func (b *bitmap) header() []byte {
	le := binary.LittleEndian
	info := bmpInfo
	if b.alpha {
		info = bmpInfoAlpha
	}
	h := make([]byte, bmpFileHeader+info)
	copy(h, "BM")
	le.PutUint32(h[10:], uint32(len(h)+len(b.palette)))
	i := h[bmpFileHeader:]
	height := int32(b.height)
	if b.topDown {
		height = -height
	}
	le.PutUint32(i, uint32(info))
	le.PutUint32(i[4:], uint32(b.width))
	le.PutUint32(i[8:], uint32(height))
	le.PutUint16(i[12:], 1)
	le.PutUint16(i[14:], uint16(b.bits))
	return append(h, b.palette...)
}
