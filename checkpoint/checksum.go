package checkpoint

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// checksumKey is the entry of the metadata with the checksums of the file:
// CRC-32s (that of zlib) as eight hexadecimal digits each, with spaces between
// them. The first one is of the rest of the header, the others are of the
// tensors' bytes, in the order of the tensors' names. It is no part of
// [File.Metadata]. A file without it, from an earlier version or another
// program, is not checked.
//
// CRC-32 finds every change within 32 bits in a row, such as a flipped byte, and
// misses one other accident in 2³². SHA-256 would be no safer from someone who
// changes a file on purpose, who can write new checksums too, and takes as long
// as all the rest of reading.
const checksumKey = "joule_crc32"

const hintChecksum = "the file is damaged, or another program has changed it since Joule wrote it: copy it again, or use an earlier checkpoint; " +
	"if the change was meant, remove " + checksumKey + " from the file's metadata"

// checksums returns the value of checksumKey for tensors whose bytes have the
// sums. It depends on what the header says, not on how it is written, so that a
// program may read a file and write the same again.
func checksums(metadata map[string]string, tensors []Info, sums map[string]uint32) string {
	var header []byte
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if key != checksumKey {
			header = appendQuoted(append(appendQuoted(header, key), ' '), metadata[key])
			header = append(header, '\n')
		}
	}
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	var list strings.Builder
	for _, t := range tensors {
		header = fmt.Appendf(header, "%q %s %s %08x\n", t.Name, t.DType, show(t.Shape), sums[t.Name])
		fmt.Fprintf(&list, " %08x", sums[t.Name])
	}
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(header)) + list.String()
}

// appendQuoted is strconv.AppendQuote, several times as fast for long texts
// without much that has to be escaped.
func appendQuoted(b []byte, s string) []byte {
	plain := func(c byte) bool { return ' ' <= c && c <= '~' && c != '"' && c != '\\' }
	b = append(b, '"')
	for i := 0; i < len(s); {
		begin := i
		for i < len(s) && plain(s[i]) {
			i++
		}
		b = append(b, s[begin:i]...)
		begin = i
		for i < len(s) && !plain(s[i]) {
			i++
		}
		switch odd := s[begin:i]; odd {
		case "":
		case "\n":
			b = append(b, `\n`...)
		default: // whole characters, for what is plain is never a part of another
			quoted := strconv.Quote(odd)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
	}
	return append(b, '"')
}

// takeChecksums moves the checksums from the metadata into the entries, and
// checks what the header says against its own.
func takeChecksums(metadata map[string]string, entries []entry) error {
	value, ok := metadata[checksumKey]
	if !ok {
		return nil
	}
	tensors := make([]Info, len(entries))
	for i, e := range entries {
		tensors[i] = e.Info
	}
	slices.SortFunc(tensors, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	fields := strings.Split(value, " ")
	sums := make(map[string]uint32, len(entries))
	if len(fields) == 1+len(entries) {
		for i, t := range tensors {
			sum, _ := strconv.ParseUint(fields[1+i], 16, 32) // where this fails, so does the comparison below
			sums[t.Name] = uint32(sum)
		}
	}
	if value != checksums(metadata, tensors, sums) {
		return &Error{Fault: "the metadata, or the names and shapes of its tensors, do not fit its checksum", Hint: hintChecksum}
	}
	delete(metadata, checksumKey)
	for i := range entries {
		entries[i].sum, entries[i].summed = sums[entries[i].Name], true
	}
	return nil
}

// compareSums reads the tensors' bytes and compares their checksums, if the file
// has any. It reads for itself, beside the decoding: handing over what is read
// there part by part takes longer than taking the checksums.
func compareSums(r io.ReaderAt, start, size int64, entries []entry) error {
	if len(entries) == 0 || !entries[0].summed {
		return nil
	}
	buf := make([]byte, min(chunk, size))
	for _, e := range entries {
		sum := uint32(0)
		for at := e.begin; at < e.end; {
			b := buf[:min(int64(len(buf)), e.end-at)]
			if err := readFull(r, b, start+at); err != nil {
				return err
			}
			sum = crc32.Update(sum, crc32.IEEETable, b)
			at += int64(len(b))
		}
		if sum != e.sum {
			return &Error{Fault: fmt.Sprintf("tensor %q does not fit its checksum", e.Name), Hint: hintChecksum}
		}
	}
	return nil
}

// sumOf returns the checksum of a tensor's bytes, encoded in buf part by part.
func sumOf(data any, buf []byte) uint32 {
	sum := uint32(0)
	encodeTensor(data, buf, func(b []byte) error {
		sum = crc32.Update(sum, crc32.IEEETable, b)
		return nil
	})
	return sum
}

// encodeTensor calls put with the bytes of data, a part at a time in buf, which
// is a chunk long.
func encodeTensor(data any, buf []byte, put func([]byte) error) error {
	switch data := data.(type) {
	case []uint8:
		return put(data)
	case []float32:
		return encodeParts(data, buf, 4, put, func(b []byte, part []float32) {
			for i, v := range part {
				binary.LittleEndian.PutUint32(b[i*4:], math.Float32bits(v))
			}
		})
	case []Half:
		return encodeParts(data, buf, 2, put, func(b []byte, part []Half) {
			for i, v := range part {
				binary.LittleEndian.PutUint16(b[i*2:], uint16(v))
			}
		})
	case []int64:
		return encodeParts(data, buf, 8, put, func(b []byte, part []int64) {
			for i, v := range part {
				binary.LittleEndian.PutUint64(b[i*8:], uint64(v))
			}
		})
	case [][]float32:
		return encodeAll(data, buf, put)
	case [][]uint8:
		return encodeAll(data, buf, put)
	case [][]Half:
		return encodeAll(data, buf, put)
	}
	panic(fmt.Sprintf("checkpoint: encoding a %T", data))
}

func encodeAll[T any](parts [][]T, buf []byte, put func([]byte) error) error {
	for _, p := range parts {
		if err := encodeTensor(p, buf, put); err != nil {
			return err
		}
	}
	return nil
}

func encodeParts[T any](data []T, buf []byte, width int, put func([]byte) error, encode func(b []byte, part []T)) error {
	for part := range slices.Chunk(data, len(buf)/width) {
		b := buf[:len(part)*width]
		encode(b, part)
		if err := put(b); err != nil {
			return err
		}
	}
	return nil
}
