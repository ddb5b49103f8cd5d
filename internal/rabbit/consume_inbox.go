package rabbit

import (
	"encoding/binary"
	"slices"
	"sync"
)

// parcel is one delivery as it came: the method's and the content header's payload, and the body,
// one behind the other. Its bytes are nobody else's.
type parcel struct {
	bytes          []byte
	method, header int // how long they are
}

// inbox holds the deliveries of one consumer that came and were not received. The connection's
// reader fills it and one goroutine takes from it. It is bounded by the prefetch.
type inbox struct {
	more chan struct{} // there may be something

	mu    sync.Mutex
	queue []parcel

	// The reader's own: the delivery that is coming.
	method  []byte
	coming  parcel
	missing uint64 // bytes of its body
	stage   stage

	// The receiver's own.
	batch []parcel
	at    int
}

// stage says which frame of a delivery is due.
type stage uint8

const (
	stageMethod stage = iota
	stageHeader
	stageBody
)

func newInbox() *inbox { return &inbox{more: make(chan struct{}, 1)} }

// take returns the next delivery, if it is here.
func (in *inbox) take() (w parcel, ok bool) {
	if in.at == len(in.batch) {
		in.mu.Lock()
		in.batch, in.queue, in.at = in.queue, in.batch[:0], 0
		in.mu.Unlock()
		if len(in.batch) == 0 {
			return parcel{}, false
		}
	}
	w = in.batch[in.at]
	in.batch[in.at] = parcel{}
	in.at++
	return w, true
}

// release frees the memory; nothing is taken any more.
func (in *inbox) release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.batch, in.queue, in.at = nil, nil, 0
}

// frame takes a frame's payload in, or leaves it to the library. As there, any other method
// interrupts a delivery that is not whole, and what is out of order is dropped.
func (in *inbox) frame(kind byte, payload []byte) (mine bool) {
	switch {
	case kind == frameMethod && isDelivery(payload):
		in.method = append(in.method[:0], payload...)
		in.coming, in.stage = parcel{}, stageHeader
		return true
	case kind == frameHeader && in.stage == stageHeader:
		in.content(payload)
		return true
	}
	mine = in.stage != stageMethod && kind != frameMethod
	in.coming, in.stage = parcel{}, stageMethod
	return mine
}

func isDelivery(payload []byte) bool {
	return len(payload) >= 4 && binary.BigEndian.Uint16(payload) == classBasic &&
		binary.BigEndian.Uint16(payload[2:]) == basicDeliver
}

// content takes the header, and makes room for the body: for all of one that is small, for more as
// it comes.
func (in *inbox) content(payload []byte) {
	in.missing = binary.BigEndian.Uint64(payload[4:])
	room := make([]byte, 0, len(in.method)+len(payload)+int(min(in.missing, bodyAhead)))
	in.coming = parcel{bytes: append(append(room, in.method...), payload...), method: len(in.method), header: len(payload)}
	in.stage = stageBody
	if in.missing == 0 {
		in.deliver()
	}
}

// collecting says that body frames are due.
func (in *inbox) collecting() bool { return in.stage == stageBody }

// grow adds to the body. Room grows twofold with what is really here, to the size that was
// announced at most.
func (in *inbox) grow(p []byte) {
	w := &in.coming
	if have := len(w.bytes); cap(w.bytes)-have < len(p) {
		rest := in.missing - uint64(have-w.method-w.header)
		w.bytes = slices.Grow(w.bytes, max(len(p), int(min(rest, uint64(have)))))
	}
	w.bytes = append(w.bytes, p...)
}

// grown notes the end of a body frame.
func (in *inbox) grown() {
	w := &in.coming
	if uint64(len(w.bytes)-w.method-w.header) >= in.missing {
		in.deliver()
	}
}

func (in *inbox) deliver() {
	in.mu.Lock()
	in.queue = append(in.queue, in.coming)
	in.mu.Unlock()
	in.coming, in.stage = parcel{}, stageMethod
	select {
	case in.more <- struct{}{}:
	default:
	}
}
