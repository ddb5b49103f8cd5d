package event

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// NewID returns a new UUIDv7.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an event id: %w", err)
	}
	return id.String(), nil
}

// Series makes UUIDv7s that are a function of a number: the event of line 17 of a file has the same
// id however often the line is sent, so that a consumer can tell repeats. The 48 bits of time are
// those of the beginning, the 32 bits after it the number (RFC 9562, 6.2, a dedicated counter), and
// the last 42 bits belong to the series.
type Series struct{ seed uuid.UUID }

// NewSeries begins a series.
func NewSeries() (Series, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Series{}, fmt.Errorf("make event ids: %w", err)
	}
	return Series{id}, nil
}

// ParseSeries reads what String wrote.
func ParseSeries(s string) (Series, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.Version() != 7 {
		return Series{}, fmt.Errorf("series of event ids: %q is no UUIDv7", clip(s))
	}
	return Series{id}, nil
}

// String returns what ParseSeries reads.
func (s Series) String() string { return s.seed.String() }

// Time returns when the series began, to the millisecond.
func (s Series) Time() time.Time {
	var ms [8]byte
	copy(ms[2:], s.seed[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:]))).UTC()
}

// ID returns the id of number n.
func (s Series) ID(n uint32) string {
	id := s.seed
	id[6] = 0x70 | byte(n>>28)
	id[7] = byte(n >> 20)
	id[8] = 0x80 | byte(n>>14)&0x3f
	id[9] = byte(n >> 6)
	id[10] = byte(n<<2) | id[10]&3
	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
