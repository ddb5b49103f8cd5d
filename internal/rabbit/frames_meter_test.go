package rabbit

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// meterFrame makes a frame.
func meterFrame(kind byte, payload []byte) []byte {
	f := append([]byte{kind, 0, 1}, binary.BigEndian.AppendUint32(nil, uint32(len(payload)))...)
	return append(append(f, payload...), frameEnd)
}

// deliveryOf makes the frames of a delivery, its body in pieces.
func deliveryOf(body, piece int) []byte {
	out := meterFrame(frameMethod, make([]byte, 30))
	head := append([]byte{0, 60, 0, 0}, binary.BigEndian.AppendUint64(nil, uint64(body))...)
	out = append(out, meterFrame(frameHeader, append(head, 0, 0))...)
	for ; body > 0; body -= piece {
		out = append(out, meterFrame(frameBody, make([]byte, min(body, piece)))...)
	}
	return append(out, meterFrame(8, nil)...) // a heartbeat
}

// TestMeterPausesUntilTaken: no more is read ahead than the limit and the message that crosses it,
// a message that began is read to its end, and reading goes on when deliveries are taken.
func TestMeterPausesUntilTaken(t *testing.T) {
	for _, chunk := range []int{1, 7, 1000, 1 << 20} {
		here, there := net.Pipe()
		m := newMeter(here, 10_000)
		const size, count = 4000, 20
		go func() {
			for range count {
				_, _ = there.Write(deliveryOf(size, 1500))
			}
			_ = there.Close()
		}()
		read := make(chan int, 1<<20)
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
		each, total, taken := len(deliveryOf(size, 1500)), 0, 0
		patience := 100
		for more := true; more; {
			select {
			case n, ok := <-read:
				more = ok
				total += n
			case <-time.After(300 * time.Millisecond): // it pauses: three messages are above the limit
				ahead := total/each - taken
				if patience--; ahead < 2 && patience > 0 { // or this machine does
					continue
				}
				if ahead < 2 || ahead > 4 {
					t.Fatalf("chunks of %d: it pauses %d messages ahead", chunk, ahead)
				}
				m.take(size)
				m.take(size)
				taken += 2
			}
		}
		if total != count*each || taken < count-5 {
			t.Fatalf("chunks of %d: %d of %d bytes, %d taken", chunk, total, count*each, taken)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMeterEndsItsPause: closing, and releasing, let a paused reader go on.
func TestMeterEndsItsPause(t *testing.T) {
	here, there := net.Pipe()
	m := newMeter(here, 10)
	go func() { _, _ = there.Write(append(deliveryOf(100, 100), deliveryOf(100, 100)...)) }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, m) // ends with the connection
	}()
	m.release()
	_ = m.Close()
	_ = there.Close()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the reader is still waiting")
	}
}

// FuzzMeter: whatever a peer sends, the meter passes it on unchanged and does not hang.
func FuzzMeter(f *testing.F) {
	f.Add(deliveryOf(100, 40))
	f.Add([]byte{2, 0, 1, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add(meterFrame(frameHeader, []byte{0, 60, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}))
	f.Fuzz(func(t *testing.T, in []byte) {
		m := newMeter(nil, 1<<20)
		for rest := in; len(rest) > 0; {
			n := min(len(rest), 3)
			m.listen(rest[:n])
			rest = rest[n:]
		}
		if m.left < 0 || m.skip < 0 || m.have > len(m.head) {
			t.Fatalf("%+v", m)
		}
	})
}
