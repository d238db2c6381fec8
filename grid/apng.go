package grid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"io"
	"time"
)

// EncodeAPNG writes a as an animated PNG (W3C PNG, third edition) that loops
// forever, with the given texts as EncodePNG writes them. It loses nothing;
// viewers that know no animations show the first frame.
func EncodeAPNG(w io.Writer, a Animation, text []Text) error {
	width, height, err := a.check()
	if err != nil {
		return err
	}
	texts, err := encodeTexts(text)
	if err != nil {
		return err
	}
	// Each frame is what image/png writes, in other chunks.
	var ihdr []byte
	sequence := uint32(0)
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	frames := plain(a.Frames)
	for i, f := range frames {
		b.Reset()
		if err := encoder.Encode(&b, f); err != nil {
			return fmt.Errorf("grid: %w", err)
		}
		var out bytes.Buffer
		if i == 0 {
			ihdr = bytes.Clone(b.Bytes()[:header])
			out.Write(ihdr)
			// So many frames, shown forever.
			appendChunk(&out, "acTL", binary.BigEndian.AppendUint64(nil, uint64(len(frames))<<32))
			out.Write(texts)
		} else if !bytes.Equal(ihdr, b.Bytes()[:header]) {
			return errors.New("grid: frames of different kinds")
		}
		appendChunk(&out, "fcTL", frameControl(sequence, width, height, a.delay(i)))
		sequence++
		err := eachChunk(b.Bytes()[header:], func(kind string, data []byte) {
			switch {
			case kind != "IDAT":
			case i == 0:
				appendChunk(&out, kind, data)
			default:
				appendChunk(&out, "fdAT", append(binary.BigEndian.AppendUint32(nil, sequence), data...))
				sequence++
			}
		})
		if err != nil {
			return err
		}
		if i == len(frames)-1 {
			appendChunk(&out, "IEND", nil)
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return fmt.Errorf("grid: writing PNG: %w", err)
		}
	}
	return nil
}

// frameControl is the data of a chunk fcTL: a frame that covers the whole
// picture and replaces what was there.
func frameControl(sequence uint32, width, height int, delay time.Duration) []byte {
	d := binary.BigEndian.AppendUint32(nil, sequence)
	d = binary.BigEndian.AppendUint32(d, uint32(width))
	d = binary.BigEndian.AppendUint32(d, uint32(height))
	d = binary.BigEndian.AppendUint64(d, 0) // left and top
	d = binary.BigEndian.AppendUint16(d, uint16(delay/time.Millisecond))
	d = binary.BigEndian.AppendUint16(d, 1000) // milliseconds
	return append(d, 0, 0)                     // dispose: none; blend: source
}

// eachChunk calls f for the chunks of a PNG file that image/png wrote, from
// the one after the header on.
func eachChunk(b []byte, f func(kind string, data []byte)) error {
	for len(b) >= 12 {
		n := int(binary.BigEndian.Uint32(b))
		if n > len(b)-12 {
			break
		}
		f(string(b[4:8]), b[8:8+n])
		b = b[12+n:]
	}
	if len(b) > 0 {
		return errors.New("grid: image/png wrote a broken chunk")
	}
	return nil
}
