package wire

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestMeterPausesUntilReceived: no more is read ahead than the limit and one read, and reading goes
// on when deliveries are received, or when nothing is left to receive.
func TestMeterPausesUntilReceived(t *testing.T) {
	for _, chunk := range []int{1, 7, 1000, 4096} {
		here, there := net.Pipe()
		const limit, total = 10_000, 60_000
		m := NewMeter(here, limit)
		m.patience = time.Hour
		go func() {
			_, _ = there.Write(make([]byte, total))
			_ = there.Close()
		}()
		read := make(chan int, total)
		go func() {
			defer close(read)
			buf := make([]byte, chunk)
			for {
				n, err := m.Read(buf)
				if err != nil {
					return
				}
				read <- n
			}
		}()
		have, received, allowed := 0, 0, limit
		for have < total {
			select {
			case n := <-read:
				have += n
			case <-time.After(300 * time.Millisecond): // it pauses
				switch {
				case have <= allowed && have < total-chunk: // or this machine does
					continue
				case received == 0: // part of what is here
					m.Received(4000)
					received, allowed = 4000, allowed+4000
				default: // all of it
					end := m.Waiting(0)
					defer end()
					allowed = total
				}
			}
			if have > allowed+chunk {
				t.Fatalf("chunks of %d: %d bytes read where %d are allowed", chunk, have, allowed)
			}
		}
		if received == 0 {
			t.Errorf("chunks of %d: it never paused", chunk)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A message larger than the limit comes through while the receiver waits for it; afterwards the limit
// holds again, also when the wait ended at once.
func TestMeterDoesNotPauseWhileTheReceiverWaits(t *testing.T) {
	here, there := net.Pipe()
	defer func() { _ = there.Close() }()
	const limit, message = 10_000, 60_000
	m := NewMeter(here, limit)
	m.patience = time.Hour
	end := m.Waiting(0)
	for deadline := time.Now().Add(time.Minute); !waits(m); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the receiver's wait is not noticed")
		}
	}
	go func() { _, _ = there.Write(make([]byte, message)) }()
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(m, make([]byte, message))
		read <- err
	}()
	select {
	case err := <-read:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it pauses in the middle of a message that the receiver waits for")
	}
	end()
	if m.Received(message / 2); m.room() {
		t.Error("there is room with more than the limit unreceived")
	}
	m.Waiting(time.Hour)()
	if m.room() {
		t.Error("there is room after a wait that was too short")
	}
	_ = m.Close()
}

// waits reports whether the receiver has waited long enough.
func waits(m *Meter) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waiting
}

// TestMeterEndsItsPause: closing, and releasing, let a paused reader go on.
func TestMeterEndsItsPause(t *testing.T) {
	here, there := net.Pipe()
	m := NewMeter(here, 10)
	go func() { _, _ = there.Write(make([]byte, 10_000)) }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, m) // ends with the connection
	}()
	m.Release()
	_ = m.Close()
	_ = there.Close()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the reader is still waiting")
	}
}
