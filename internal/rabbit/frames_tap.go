package rabbit

import (
	"bufio"
	"encoding/binary"
	"net"
)

// AMQP 0-9-1 frames and methods that the tap knows.
const (
	frameMethod   = 1
	frameHead     = 7 // type, channel, size
	classBasic    = 60
	basicReturn   = 50
	basicAck      = 80
	basicNack     = 120
	tapMethodSize = 4 + 8 + 1 // class and method, delivery tag, flags: as much of a method as the tap looks at
)

// confirmSelect is the frame confirm.select with no-wait on a channel: the broker answers nothing
// to it.
func confirmSelect(channel uint16) []byte {
	return []byte{frameMethod, byte(channel >> 8), byte(channel), 0, 0, 0, 5, 0, 85, 0, 10, 1, 0xCE}
}

// heard is one method that the tap reports: a confirm or the beginning of a return.
type heard struct {
	method   uint16
	tag      uint64
	multiple bool
}

// tap listens to what a connection reads, and reports confirms and returns in the order in which
// the broker sent them. It changes nothing of what the AMQP library reads.
//
// Why not the library's own notifications: a nack that comes ahead of its turn is forgotten by
// amqp091-go 1.16.0 when a multiple ack reaches over it (confirms.Multiple does not ask the
// sequencer), so that a message refused by a full queue looks confirmed. Besides, it makes an
// object with a channel for every message, and looks at all of them for every multiple ack.
type tap struct {
	net.Conn
	in     *bufio.Reader // of Conn: the library reads 4 KiB at a time
	report func(heard)

	head [frameHead + tapMethodSize]byte // of the present frame, as far as it is here
	have int
	skip int // bytes of the present frame that are of no interest
}

func newTap(conn net.Conn, report func(heard)) *tap {
	return &tap{Conn: conn, in: bufio.NewReaderSize(conn, readAhead), report: report}
}

// Read reads, and listens.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.listen(p[:n])
	return n, err
}

func (t *tap) listen(p []byte) {
	for len(p) > 0 {
		if t.skip > 0 {
			n := min(t.skip, len(p))
			t.skip -= n
			p = p[n:]
			continue
		}
		want := frameHead
		if t.have >= frameHead {
			want += min(t.size(), tapMethodSize)
		}
		n := copy(t.head[t.have:want], p)
		t.have += n
		p = p[n:]
		if t.have < frameHead || t.have == frameHead && n > 0 && t.interesting() {
			continue
		}
		if t.have < want {
			continue
		}
		t.frame()
	}
}

func (t *tap) size() int { return int(binary.BigEndian.Uint32(t.head[3:])) }

// interesting reports whether the frame's payload is to be looked at.
func (t *tap) interesting() bool { return t.head[0] == frameMethod && t.size() > 0 }

// frame takes in a frame of which enough is here, and skips the rest with its end octet.
func (t *tap) frame() {
	payload := t.head[frameHead:t.have]
	t.skip, t.have = t.size()-len(payload)+1, 0
	if len(payload) < tapMethodSize || binary.BigEndian.Uint16(payload) != classBasic {
		return
	}
	switch method := binary.BigEndian.Uint16(payload[2:]); method {
	case basicAck, basicNack:
		t.report(heard{method: method, tag: binary.BigEndian.Uint64(payload[4:]), multiple: payload[12]&1 != 0})
	case basicReturn:
		t.report(heard{method: method})
	}
}
