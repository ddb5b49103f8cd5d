package amqpwire

import (
	"encoding/binary"
	"slices"
	"sync"
)

// Raw is one delivery as it came: the method's and the content header's payload, and the body,
// one behind the other. Its bytes are nobody else's.
type Raw struct {
	bytes          []byte
	method, header int // how long they are
}

// Inbox holds the deliveries of one consumer that came and were not received. The connection's
// Decoder fills it and one goroutine takes from it. It is bounded by the prefetch.
type Inbox struct {
	more chan struct{} // there may be something

	mu    sync.Mutex
	queue []Raw

	// The Decoder's own: the delivery that is coming.
	method  []byte
	coming  Raw
	missing uint64 // bytes of its body
	stage   stage

	// The receiver's own.
	batch []Raw
	at    int
}

// stage says which frame of a delivery is due.
type stage uint8

const (
	stageMethod stage = iota
	stageHeader
	stageBody
)

// NewInbox returns an empty inbox.
func NewInbox() *Inbox { return &Inbox{more: make(chan struct{}, 1)} }

// More has an element when there may be something to take that was not there before.
func (in *Inbox) More() <-chan struct{} { return in.more }

// Take returns the next delivery, if it is here.
func (in *Inbox) Take() (w Raw, ok bool) {
	if in.at == len(in.batch) {
		in.mu.Lock()
		in.batch, in.queue, in.at = in.queue, in.batch[:0], 0
		in.mu.Unlock()
		if len(in.batch) == 0 {
			return Raw{}, false
		}
	}
	w = in.batch[in.at]
	in.batch[in.at] = Raw{}
	in.at++
	return w, true
}

// Release frees the memory; nothing is taken any more.
func (in *Inbox) Release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.batch, in.queue, in.at = nil, nil, 0
}

// frame takes a frame's payload in, or leaves it to the library. As there, any other method
// interrupts a delivery that is not whole, and what is out of order is dropped.
func (in *Inbox) frame(kind byte, payload []byte) (mine bool) {
	switch {
	case kind == frameMethod && isDelivery(payload):
		in.method = append(in.method[:0], payload...)
		in.coming, in.stage = Raw{}, stageHeader
		return true
	case kind == frameHeader && in.stage == stageHeader:
		in.content(payload)
		return true
	}
	mine = in.stage != stageMethod && kind != frameMethod
	in.coming, in.stage = Raw{}, stageMethod
	return mine
}

func isDelivery(payload []byte) bool {
	return len(payload) >= 4 && binary.BigEndian.Uint16(payload) == classBasic &&
		binary.BigEndian.Uint16(payload[2:]) == basicDeliver
}

// content takes the header, and makes room for the body: for all of one that is small, for more as
// it comes.
func (in *Inbox) content(payload []byte) {
	in.missing = binary.BigEndian.Uint64(payload[4:])
	room := make([]byte, 0, len(in.method)+len(payload)+int(min(in.missing, bodyAhead)))
	in.coming = Raw{bytes: append(append(room, in.method...), payload...), method: len(in.method), header: len(payload)}
	in.stage = stageBody
	if in.missing == 0 {
		in.deliver()
	}
}

// collecting says that body frames are due.
func (in *Inbox) collecting() bool { return in.stage == stageBody }

// grow adds to the body. Room grows twofold with what is really here, to the size that was
// announced at most.
func (in *Inbox) grow(p []byte) {
	w := &in.coming
	if have := len(w.bytes); cap(w.bytes)-have < len(p) {
		rest := in.missing - uint64(have-w.method-w.header)
		w.bytes = slices.Grow(w.bytes, max(len(p), int(min(rest, uint64(have)))))
	}
	w.bytes = append(w.bytes, p...)
}

// grown notes the end of a body frame.
func (in *Inbox) grown() {
	w := &in.coming
	if uint64(len(w.bytes)-w.method-w.header) >= in.missing {
		in.deliver()
	}
}

func (in *Inbox) deliver() {
	in.mu.Lock()
	in.queue = append(in.queue, in.coming)
	in.mu.Unlock()
	in.coming, in.stage = Raw{}, stageMethod
	select {
	case in.more <- struct{}{}:
	default:
	}
}
