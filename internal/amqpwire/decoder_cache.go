package amqpwire

import (
	"bytes"
	"hash/maphash"
)

const (
	cacheTexts, cacheNested = 512, 64 // slots
	cacheTextMax            = 64      // bytes of a text that is worth remembering
	cacheNestedMax          = 1 << 10 // likewise, of a table or an array
)

// cache finds texts and nested values that were decoded before: a slot remembers the last of those
// that hash to it. It is bounded by 150 KB, and a peer can neither fill it up nor aim at a slot.
type cache struct {
	seed   maphash.Seed
	texts  [cacheTexts]string
	values [cacheTexts]any // strings
	tables [cacheNested]known
}

// NewDecoder returns a decoder that has seen nothing. It takes up to 150 KB as it goes.
func NewDecoder() *Decoder { return &Decoder{cache: cache{seed: maphash.MakeSeed()}} }

func (m *cache) text(b []byte) string {
	if len(b) == 0 || len(b) > cacheTextMax {
		return string(b)
	}
	slot := &m.texts[maphash.Bytes(m.seed, b)%cacheTexts]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// value is text in an interface, which is an allocation of its own.
func (m *cache) value(b []byte) any {
	if len(b) > cacheTextMax {
		return string(b)
	}
	slot := &m.values[maphash.Bytes(m.seed, b)%cacheTexts]
	if s, ok := (*slot).(string); !ok || s != string(b) {
		*slot = string(b)
	}
	return *slot
}

// known is a table or an array, and the bytes that it was made of.
type known struct {
	kind  byte
	depth int // a value that is deep enough is refused, so the same bytes elsewhere may not be
	raw   []byte
	value any
}

// nested returns the slot for a value, nil when it is not worth one.
func (m *cache) nested(kind byte, raw []byte, depth int) *known {
	if len(raw) > cacheNestedMax {
		return nil
	}
	return &m.tables[(maphash.Bytes(m.seed, raw)+uint64(kind)+uint64(depth))%cacheNested]
}

func (k *known) is(kind byte, raw []byte, depth int) bool {
	return k.kind == kind && k.depth == depth && bytes.Equal(k.raw, raw)
}

func (k *known) keep(kind byte, raw []byte, depth int, v any) {
	k.kind, k.depth, k.raw, k.value = kind, depth, append(k.raw[:0], raw...), v
}
