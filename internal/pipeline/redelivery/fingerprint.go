package redelivery

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Fingerprinter computes fingerprints of messages. A fingerprint covers everything except what
// brokers change when they deliver a message again. The seed is random, so nobody can craft two
// messages with the same fingerprint. It is safe for concurrent use.
type Fingerprinter struct{ seed maphash.Seed }

// NewFingerprinter returns a Fingerprinter with a new random seed.
func NewFingerprinter() Fingerprinter { return Fingerprinter{maphash.MakeSeed()} }

// Of returns the fingerprint of a message.
func (p Fingerprinter) Of(m *message.Message) uint64 {
	h := p.table(m.Headers)
	for _, s := range [...]string{
		m.Exchange, m.RoutingKey, m.ContentType, m.ContentEncoding, m.CorrelationID, m.ReplyTo, m.Expiration,
		m.MessageID, m.Type, m.UserID, m.AppID, m.ClusterID,
	} {
		h = mix(h, maphash.String(p.seed, s))
	}
	h = mix(h, uint64(m.Explicit)<<16|uint64(m.DeliveryMode)<<8|uint64(m.Priority))
	if !m.Timestamp.IsZero() {
		h = mix(h, uint64(m.Timestamp.Unix()))
	}
	return mix(h, maphash.Bytes(p.seed, m.Body))
}

// table adds up the hashes of the entries. Their order therefore does not matter, and nothing needs
// sorting.
func (p Fingerprinter) table(t map[string]any) uint64 {
	var sum uint64
	for name, v := range t {
		if name == message.HeaderDeliveryCount || name == message.HeaderAcquiredCount {
			continue
		}
		sum += mix(maphash.String(p.seed, name), p.value(v))
	}
	return sum
}

func (p Fingerprinter) value(v any) uint64 {
	switch x := v.(type) {
	case string:
		return maphash.String(p.seed, x)
	case []byte:
		return mix(1, maphash.Bytes(p.seed, x))
	case time.Time:
		return p.number(2, uint64(x.Unix()))
	case float64:
		return p.number(3, math.Float64bits(x))
	case float32:
		return p.number(4, uint64(math.Float32bits(x)))
	case bool:
		if x {
			return p.number(5, 1)
		}
		return p.number(5, 0)
	case []any:
		h := p.number(6, uint64(len(x)))
		for _, e := range x {
			h = mix(h, p.value(e))
		}
		return h
	}
	if n, ok := message.AsInt(v); ok {
		return p.number(7, uint64(n))
	}
	if t, ok := message.AsTable(v); ok {
		return mix(8, p.table(t))
	}
	if d, ok := message.AsDecimal(v); ok {
		return p.number(9, uint64(d.Scale)<<32|uint64(uint32(d.Value)))
	}
	return p.number(10, 0)
}

func (p Fingerprinter) number(kind byte, n uint64) uint64 {
	var b [9]byte
	b[0] = kind
	binary.LittleEndian.PutUint64(b[1:], n)
	return maphash.Bytes(p.seed, b[:])
}

// mix combines two hashes; the order matters. The multiplication is splitmix64's.
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
