package wire

import (
	"net"
	"sync"
	"time"
)

// meterPatience is how long a Meter pauses at most, so that heartbeats and answers come through.
const meterPatience = 5 * time.Second

// Meter keeps a connection from reading ahead of whoever receives the deliveries: the client
// library keeps all that the broker sends, and a prefetch counts messages, not bytes. When more
// than limit bytes were read and not received, Read pauses; the broker then waits with the rest.
//
// Bytes that are not part of a body count as unreceived until the receiver has nothing left. So
// Read sometimes pauses before the limit is reached, but never while the receiver waits: a single
// message may exceed the limit, and brokers close a connection that reads nothing for 30 s.
type Meter struct {
	net.Conn
	limit    int64
	patience time.Duration

	mu      sync.Mutex
	ahead   int64 // bytes read and not received
	open    bool  // for good
	waits   int   // how often the receiver began or ended to wait
	waiting bool  // it has waited so long that nothing is on its way to it
	freed   chan struct{}
}

// NewMeter returns a meter that reads from conn, limit bytes ahead.
func NewMeter(conn net.Conn, limit int64) *Meter {
	return &Meter{Conn: conn, limit: limit, patience: meterPatience, freed: make(chan struct{}, 1)}
}

// Read reads when there is room.
func (m *Meter) Read(p []byte) (int, error) {
	if !m.room() {
		m.pause()
	}
	n, err := m.Conn.Read(p)
	m.mu.Lock()
	m.ahead += int64(n)
	m.mu.Unlock()
	return n, err
}

func (m *Meter) room() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open || m.waiting || m.ahead <= m.limit
}

func (m *Meter) pause() {
	timer := time.NewTimer(m.patience)
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

// Received notes that a delivery with a body of so many bytes was received.
func (m *Meter) Received(bytes int) {
	m.mu.Lock()
	m.ahead = max(0, m.ahead-int64(bytes))
	m.mu.Unlock()
	m.free()
}

// Waiting notes that the receiver waits until it calls the function that is returned. After some time
// of that, nothing that was read is on its way to it within this process, and reading does not pause.
func (m *Meter) Waiting(after time.Duration) (end func()) {
	m.mu.Lock()
	m.waits++
	began := m.waits
	m.mu.Unlock()
	timer := time.AfterFunc(after, func() {
		m.mu.Lock()
		if m.waits == began {
			m.ahead, m.waiting = 0, true
		}
		m.mu.Unlock()
		m.free()
	})
	return func() {
		timer.Stop()
		m.mu.Lock()
		m.waits++
		m.waiting = false
		m.mu.Unlock()
	}
}

// Release ends all pauses: the connection is about to be closed.
func (m *Meter) Release() {
	m.mu.Lock()
	m.open = true
	m.mu.Unlock()
	m.free()
}

func (m *Meter) free() {
	select {
	case m.freed <- struct{}{}:
	default:
	}
}

// Close closes the connection, and ends a pause.
func (m *Meter) Close() error {
	m.Release()
	return m.Conn.Close()
}
