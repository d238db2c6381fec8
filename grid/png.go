package grid

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// A Text is a line of the metadata of a PNG file: what made the picture. Key
// is 1 to 79 printable Latin-1 characters, Value any text without NUL.
type Text struct{ Key, Value string }

const (
	signature = "\x89PNG\r\n\x1a\n"
	// header is how many bytes come before the first place for text: the
	// signature and the IHDR chunk of 13 bytes with its length, type and sum.
	header = len(signature) + 8 + 13 + 4
	// maxText bounds one text and maxTexts all of a file's texts together, in
	// bytes of the file. A page of configuration has some thousand.
	maxText  = 1 << 20
	maxTexts = 8 << 20
)

// EncodePNG writes img with the given texts right after its header, in
// chunks of type tEXt, or iTXt where Latin-1 does not suffice.
func EncodePNG(w io.Writer, img image.Image, text []Text) error {
	return encodePNG(w, img, text, png.DefaultCompression)
}

// encoders are those that pictures have been written with: the memory of one is a
// megabyte, and an epoch of a training writes twenty.
var encoders sync.Pool

// buffers makes a pool one of package png.
type buffers sync.Pool

func (p *buffers) Get() *png.EncoderBuffer {
	b, _ := (*sync.Pool)(p).Get().(*png.EncoderBuffer)
	return b
}

func (p *buffers) Put(b *png.EncoderBuffer) { (*sync.Pool)(p).Put(b) }

func encodePNG(w io.Writer, img image.Image, text []Text, level png.CompressionLevel) error {
	chunks, err := encodeTexts(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: level, BufferPool: (*buffers)(&encoders)}).Encode(&b, img); err != nil {
		return fmt.Errorf("grid: %w", err)
	}
	for _, part := range [][]byte{b.Bytes()[:header], chunks, b.Bytes()[header:]} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("grid: writing PNG: %w", err)
		}
	}
	return nil
}

// WritePNG writes img with the given texts to a file, replacing it whole.
func WritePNG(path string, img image.Image, text []Text) error {
	return atomicfile.Write(path, func(w io.Writer) error { return EncodePNG(w, img, text) })
}

// encodeTexts returns the chunks of texts.
func encodeTexts(text []Text) ([]byte, error) {
	var chunks bytes.Buffer
	for _, t := range text {
		kind, data, err := encodeText(t)
		if err != nil {
			return nil, fmt.Errorf("grid: PNG text %.100q: %w", t.Key, err)
		}
		appendChunk(&chunks, kind, data)
	}
	if chunks.Len() > maxTexts {
		return nil, fmt.Errorf("grid: %d bytes of PNG text, at most %d", chunks.Len(), maxTexts)
	}
	return chunks.Bytes(), nil
}

func encodeText(t Text) (kind string, data []byte, err error) {
	if err := checkKey(t.Key); err != nil {
		return "", nil, err
	}
	if !utf8.ValidString(t.Value) || strings.ContainsRune(t.Value, 0) {
		return "", nil, errors.New("the value is not UTF-8 or contains NUL")
	}
	key, _ := toLatin1(t.Key)
	kind = "tEXt"
	data = append(key, 0)
	if value, ok := toLatin1(t.Value); ok {
		data = append(data, value...)
	} else {
		kind = "iTXt"
		// Not compressed, compression method 0, no language, no translated key.
		data = append(data, 0, 0, 0, 0)
		data = append(data, t.Value...)
	}
	if len(data) > maxText {
		return "", nil, fmt.Errorf("%d bytes, at most %d", len(data), maxText)
	}
	return kind, data, nil
}

func appendChunk(b *bytes.Buffer, kind string, data []byte) {
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], uint32(len(data)))
	b.Write(word[:])
	from := b.Len()
	b.WriteString(kind)
	b.Write(data)
	binary.BigEndian.PutUint32(word[:], crc32.ChecksumIEEE(b.Bytes()[from:]))
	b.Write(word[:])
}

// checkKey checks the rules of PNG for keywords (W3C PNG, section 11.3.3.2).
func checkKey(key string) error {
	latin, ok := toLatin1(key)
	if !ok || len(latin) < 1 || len(latin) > 79 {
		return errors.New("the key is not of 1 to 79 Latin-1 characters")
	}
	for _, c := range latin {
		if c < 0x20 || 0x7e < c && c < 0xa1 {
			return errors.New("the key has characters that cannot be printed")
		}
	}
	if key[0] == ' ' || key[len(key)-1] == ' ' || strings.Contains(key, "  ") {
		return errors.New("the key has spaces at an end or in a row")
	}
	return nil
}

func toLatin1(s string) ([]byte, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}

func fromLatin1(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// ReadText returns the texts of a PNG file in their order. Compressed texts,
// which EncodePNG does not write, are passed over; so is the picture itself.
func ReadText(r io.Reader) ([]Text, error) {
	text, err := readText(bufio.NewReader(r))
	if errors.Is(err, io.EOF) {
		err = errors.New("the file breaks off")
	}
	if err != nil {
		return nil, fmt.Errorf("grid: PNG text: %w", err)
	}
	return text, nil
}

func readText(r *bufio.Reader) (text []Text, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, eof(err)
	}
	if string(head[:]) != signature {
		return nil, errors.New("not a PNG file")
	}
	for total := 0; ; {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, eof(err)
		}
		n, kind := binary.BigEndian.Uint32(head[:4]), string(head[4:])
		if n > 1<<31-1 {
			return nil, fmt.Errorf("a chunk %q of %d bytes", kind, n)
		}
		if kind != "tEXt" && kind != "iTXt" {
			if _, err := io.CopyN(io.Discard, r, int64(n)+4); err != nil {
				return nil, eof(err)
			}
			if kind == "IEND" {
				return text, nil
			}
			continue
		}
		if total += int(min(n, maxTexts)) + 12; n > maxText || total > maxTexts {
			return nil, fmt.Errorf("too much text, a chunk of %d bytes", n)
		}
		data := make([]byte, n+4)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, eof(err)
		}
		data, sum := data[:n], binary.BigEndian.Uint32(data[n:])
		if crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, data) != sum {
			return nil, fmt.Errorf("wrong checksum of a chunk %q", kind)
		}
		t, ok, err := decodeText(kind, data)
		if err != nil {
			return nil, err
		}
		if ok {
			text = append(text, t)
		}
	}
}

// eof makes every end of file the same error.
func eof(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// decodeText takes a chunk apart; ok is false for one that is compressed.
func decodeText(kind string, data []byte) (t Text, ok bool, err error) {
	key, rest, found := bytes.Cut(data, []byte{0})
	t.Key = fromLatin1(key)
	if !found {
		return t, false, fmt.Errorf("a chunk %q without a key", kind)
	}
	if err := checkKey(t.Key); err != nil {
		return t, false, fmt.Errorf("%.100q: %w", t.Key, err)
	}
	if kind == "tEXt" {
		t.Value = fromLatin1(rest)
	} else {
		if len(rest) < 2 {
			return t, false, fmt.Errorf("%q breaks off", t.Key)
		}
		if rest[0] != 0 {
			return t, false, nil
		}
		_, rest, _ = bytes.Cut(rest[2:], []byte{0}) // language
		_, rest, found = bytes.Cut(rest, []byte{0}) // translated key
		if !found || !utf8.Valid(rest) {
			return t, false, fmt.Errorf("%q breaks off or is not UTF-8", t.Key)
		}
		t.Value = string(rest)
	}
	if strings.ContainsRune(t.Value, 0) {
		return t, false, fmt.Errorf("%q contains NUL", t.Key)
	}
	return t, true, nil
}
