package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	headSize = 12 // of a record before its data: length and checksum
	footSize = 4  // behind them: checksum

	// maxRecord bounds the data of a record, in bytes. Pictures are the
	// largest ones written here.
	maxRecord = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the checksum of b as records have it: rotated and shifted,
// so that the checksum of data that holds checksums is no less good. From
// https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/hash/crc32c.h
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// appendRecord appends the event that event appends, as a record.
func appendRecord(b []byte, event func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, headSize)...)
	b = event(b)
	head, data := b[start:start+headSize], b[start+headSize:]
	binary.LittleEndian.PutUint64(head, uint64(len(data)))
	binary.LittleEndian.PutUint32(head[8:], masked(head[:8]))
	return binary.LittleEndian.AppendUint32(b, masked(data))
}
