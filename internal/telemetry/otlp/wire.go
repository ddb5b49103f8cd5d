package otlp

import (
	"encoding/binary"
	"errors"
	"strings"
)

// The wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func appendTag(b []byte, field, wire uint64) []byte { return binary.AppendUvarint(b, field<<3|wire) }

// appendVarint leaves 0 out, as proto3 does.
func appendVarint(b []byte, field, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, field, wireVarint), v)
}

func appendFixed64(b []byte, field, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(appendTag(b, field, wireFixed64), v)
}

func appendFixed32(b []byte, field uint64, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendTag(b, field, wireFixed32), v)
}

func appendBytes(b []byte, field uint64, v []byte) []byte {
	return append(binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v))), v...)
}

// appendString writes valid UTF-8, whatever it is given: a receiver refuses a whole request for one
// string that is not.
func appendString(b []byte, field uint64, v string) []byte {
	if v == "" {
		return b
	}
	return appendText(b, field, v)
}

// appendText writes an empty text, too, where it says which of several values there is.
func appendText(b []byte, field uint64, v string) []byte {
	v = strings.ToValidUTF8(v, "\uFFFD")
	return append(binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v))), v...)
}

// appendMessage writes what fill appends, with its length in front.
func appendMessage(b []byte, field uint64, fill func([]byte) []byte) []byte {
	b = appendTag(b, field, wireBytes)
	start := len(b)
	b = fill(append(b, 0)) // most are shorter than 128 bytes
	n := len(b) - start - 1
	if n < 1<<7 {
		b[start] = byte(n)
		return b
	}
	var size [binary.MaxVarintLen64]byte
	more := binary.PutUvarint(size[:], uint64(n)) - 1
	b = append(b, size[:more]...) // room
	copy(b[start+1+more:], b[start+1:start+1+n])
	copy(b[start:], size[:more+1])
	return b
}

var errDamaged = errors.New("damaged protocol buffer")

// eachField tells the fields of a message: numbers, and the bytes of what has a length.
func eachField(b []byte, tell func(field, number uint64, bytes []byte)) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 {
			return errDamaged
		}
		b = b[n:]
		var number uint64
		var bytes []byte
		switch tag & 7 {
		case wireVarint:
			if number, n = binary.Uvarint(b); n <= 0 {
				return errDamaged
			}
		case wireFixed64:
			n = 8
		case wireFixed32:
			n = 4
		case wireBytes:
			size, head := binary.Uvarint(b)
			if head <= 0 || size > uint64(len(b)-head) {
				return errDamaged
			}
			n = head + int(size)
			bytes = b[head:n]
		default:
			return errDamaged
		}
		if n > len(b) {
			return errDamaged
		}
		tell(tag>>3, number, bytes)
		b = b[n:]
	}
	return nil
}
