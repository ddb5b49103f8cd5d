package rabbit

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

const meterPatience = 5 * time.Second

// meter keeps a connection from reading ahead of whoever takes the deliveries: the AMQP library
// puts all that the broker sends into a list without bound, and a prefetch counts messages, not
// bytes. When more than limit bytes of bodies wait to be taken, Read pauses between two messages;
// the broker then waits with the rest. It never pauses for longer than meterPatience, so that
// heartbeats and answers come through.
type meter struct {
	net.Conn
	limit int64

	mu      sync.Mutex
	waiting int64 // bytes of bodies read and not taken
	open    bool  // for good
	freed   chan struct{}

	// Of the reader alone.
	head [frameHead + contentHead]byte // of the present frame, as far as it is here
	have int
	skip int   // bytes of the present frame that are of no interest
	left int64 // bytes of the present body that are still to come
}

func newMeter(conn net.Conn, limit int64) *meter {
	return &meter{Conn: conn, limit: limit, freed: make(chan struct{}, 1)}
}

// Read reads when there is room.
func (m *meter) Read(p []byte) (int, error) {
	if m.left == 0 && !m.room() {
		m.pause()
	}
	n, err := m.Conn.Read(p)
	m.listen(p[:n])
	return n, err
}

func (m *meter) room() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open || m.waiting <= m.limit
}

func (m *meter) pause() {
	timer := time.NewTimer(meterPatience)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-m.freed:
			if m.room() {
				return
			}
		}
	}
}

// take notes that a delivery was taken.
func (m *meter) take(bytes int) {
	m.mu.Lock()
	m.waiting -= int64(bytes)
	m.mu.Unlock()
	m.free()
}

// release ends all pauses: the connection is about to be closed.
func (m *meter) release() {
	m.mu.Lock()
	m.open = true
	m.mu.Unlock()
	m.free()
}

func (m *meter) free() {
	select {
	case m.freed <- struct{}{}:
	default:
	}
}

// Close closes the connection, and ends a pause.
func (m *meter) Close() error {
	m.release()
	return m.Conn.Close()
}

func (m *meter) listen(p []byte) {
	for len(p) > 0 {
		if m.skip > 0 {
			n := min(m.skip, len(p))
			m.skip -= n
			p = p[n:]
			continue
		}
		want := frameHead
		if m.have >= frameHead && m.head[0] == frameHeader {
			want += min(m.size(), contentHead)
		}
		n := copy(m.head[m.have:want], p)
		m.have += n
		p = p[n:]
		if m.have < want || m.have == frameHead && m.head[0] == frameHeader && m.size() > 0 {
			continue
		}
		m.frame()
	}
}

func (m *meter) size() int { return int(binary.BigEndian.Uint32(m.head[3:])) }

// frame takes in a frame of which enough is here, and skips the rest with its end octet.
func (m *meter) frame() {
	payload := m.head[frameHead:m.have]
	m.skip, m.have = m.size()-len(payload)+1, 0
	switch {
	case m.head[0] == frameHeader && len(payload) == contentHead:
		m.left = int64(binary.BigEndian.Uint64(payload[4:]) &^ (1 << 63))
		m.mu.Lock()
		m.waiting += m.left
		m.mu.Unlock()
	case m.head[0] == frameBody:
		m.left = max(0, m.left-int64(m.size()))
	}
}
