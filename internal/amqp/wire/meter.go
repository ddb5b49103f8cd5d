package wire

import (
	"net"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
)

// meterPatience is the longest pause of a Meter. It lets heartbeats and answers through.
const meterPatience = 5 * time.Second

// Meter limits how far a connection reads ahead of the receiver of its deliveries. The client
// library keeps everything that the broker sends, and a prefetch counts messages, not bytes. When
// more than limit bytes were read and not yet received, Read pauses, and the broker has to wait.
//
// Bytes outside message bodies count as unreceived until the receiver has nothing left. Read may
// therefore pause before the limit is reached. It never pauses while the receiver waits: a single
// message may exceed the limit, and brokers close a connection that reads nothing for 30 seconds.
type Meter struct {
	net.Conn
	limit    int64
	patience time.Duration

	mu      sync.Mutex
	ahead   int64 // bytes read and not received
	open    bool  // permanently
	waits   int   // how often the receiver began or stopped waiting
	waiting bool  // it has waited so long that nothing is on its way to it
	freed   chan struct{}
}

// NewMeter returns a Meter that reads up to limit bytes ahead from conn.
func NewMeter(conn net.Conn, limit int64) *Meter {
	return &Meter{Conn: conn, limit: limit, patience: meterPatience, freed: make(chan struct{}, 1)}
}

// Read reads from the connection. It first waits until there is room, at most meterPatience.
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

// Received records that a delivery with a body of the given size was received.
func (m *Meter) Received(bytes int) {
	m.mu.Lock()
	m.ahead = max(0, m.ahead-int64(bytes))
	m.mu.Unlock()
	m.free()
}

// Waiting records that the receiver waits until it calls end. If it still waits after the given
// time, nothing that was read is on its way to it within this process, and Read does not pause.
func (m *Meter) Waiting(after time.Duration) (end func()) {
	m.mu.Lock()
	m.waits++
	began := m.waits
	m.mu.Unlock()
	timer := time.AfterFunc(after, guarded.Func(func() {
		m.mu.Lock()
		if m.waits == began {
			m.ahead, m.waiting = 0, true
		}
		m.mu.Unlock()
		m.free()
	}))
	return func() {
		timer.Stop()
		m.mu.Lock()
		m.waits++
		m.waiting = false
		m.mu.Unlock()
	}
}

// Release ends all pauses for good. Call it before the connection is closed.
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

// Close closes the connection and ends a pause.
func (m *Meter) Close() error {
	m.Release()
	return m.Conn.Close()
}
