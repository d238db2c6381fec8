package imagefile

import (
	"encoding/binary"
	"errors"
	"io"
)

// Tags of TIFF 6.0 that are looked at.
const (
	tagWidth        = 0x100
	tagHeight       = 0x101
	tagBits         = 0x102
	tagCompression  = 0x103
	tagPhotometric  = 0x106
	tagFillOrder    = 0x10a
	tagOrientation  = 0x112
	tagSamples      = 0x115
	tagRowsPerStrip = 0x116
	tagStripBytes   = 0x117
	tagPlanar       = 0x11c
	tagT4Options    = 0x124
	tagPredictor    = 0x13d
	tagTileWidth    = 0x142
	tagTileHeight   = 0x143
	tagTileBytes    = 0x145
	tagExtraSamples = 0x152
	tagSampleFormat = 0x153

	tagXMP             = 0x2bc
	typeByte           = 1
	directoryEntrySize = 12
)

// A directory is the first one of a TIFF file, or of Exif data, which is one.
type directory struct {
	r       io.ReaderAt
	order   binary.ByteOrder
	entries []byte
}

var errDirectory = errors.New("no TIFF directory")

// readDirectory reads a directory, which has at most 65,535 entries of 12
// bytes. One that is cut off has the entries that are there.
func readDirectory(r io.ReaderAt) (*directory, error) {
	d := &directory{r: r}
	start := make([]byte, 8)
	if n, err := r.ReadAt(start, 0); n < len(start) {
		return nil, err
	}
	// Some writers swap the two bytes of the number 42; Pillow reads them.
	switch string(start[:4]) {
	case "II*\x00", "II\x00*":
		d.order = binary.LittleEndian
	case "MM\x00*", "MM*\x00":
		d.order = binary.BigEndian
	default:
		return nil, errDirectory
	}
	at := int64(d.order.Uint32(start[4:]))
	count := make([]byte, 2)
	if n, err := r.ReadAt(count, at); n < len(count) {
		return nil, err
	}
	d.entries = make([]byte, directoryEntrySize*int(d.order.Uint16(count)))
	n, err := r.ReadAt(d.entries, at+2)
	if n < len(d.entries) && err != io.EOF {
		return nil, err
	}
	d.entries = d.entries[:n/directoryEntrySize*directoryEntrySize]
	return d, nil
}

// entry returns the entry of a tag, nil if it is not there. The first counts, as
// in Pillow.
func (d *directory) entry(tag uint16) []byte {
	for e := d.entries; len(e) > 0; e = e[directoryEntrySize:] {
		if d.order.Uint16(e) == tag {
			return e[:directoryEntrySize]
		}
	}
	return nil
}

// values returns the whole numbers of a tag, up to most of them, and none if it
// is not there. Numbers of another type are an error.
func (d *directory) values(tag uint16, most int) ([]uint32, error) {
	e := d.entry(tag)
	if e == nil {
		return nil, nil
	}
	sizes := map[uint16]int64{typeByte: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4} // BYTE, SHORT, LONG and their signed kin
	size, n := sizes[d.order.Uint16(e[2:])], int64(d.order.Uint32(e[4:]))
	if size == 0 {
		return nil, errDirectory
	}
	far := n*size > 4
	n = min(n, int64(most))
	data := e[8:]
	if far {
		data = make([]byte, n*size)
		if read, err := d.r.ReadAt(data, int64(d.order.Uint32(e[8:]))); read < len(data) {
			return nil, unexpected(err)
		}
	}
	list := make([]uint32, n)
	for i := range list {
		switch size {
		case 1:
			list[i] = uint32(data[i])
		case 2:
			list[i] = uint32(d.order.Uint16(data[2*i:]))
		case 4:
			list[i] = d.order.Uint32(data[4*i:])
		}
	}
	return list, nil
}

// bytes returns the bytes of a tag, nil if there are none or more than maxExif.
func (d *directory) bytes(tag uint16) []byte {
	e := d.entry(tag)
	if e == nil || d.order.Uint16(e[2:]) != typeByte || d.order.Uint32(e[4:]) > maxExif {
		return nil
	}
	b := make([]byte, d.order.Uint32(e[4:]))
	n, _ := d.r.ReadAt(b, int64(d.order.Uint32(e[8:])))
	return b[:n]
}

// value returns the first number of a tag, or otherwise if it is not there.
func (d *directory) value(tag uint16, otherwise uint32) (uint32, error) {
	v, err := d.values(tag, 1)
	if err != nil || len(v) == 0 {
		return otherwise, err
	}
	return v[0], nil
}
