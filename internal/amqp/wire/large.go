package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// The parts of AMQP 0-9-1 that the negotiation of frame_max consists of.
const (
	classConnection  = 10
	methodTune       = 30
	methodTuneOk     = 31
	frameMaxAt       = frameHead + 4 + 2 // behind class, method and channel_max
	tuneLength       = frameMaxAt + 4 + 2 + 1
	longestHandshake = 1 << 20 // of a frame before connection.tune
)

// LargeFrames lets a client read frames that are larger than the frame_max it has agreed on. The
// broker sends them: a message that was published with headers of almost that size gets x-death
// when it dies (fact headers-outgrow-frame-max). A client that refuses them loses its connection
// whenever it meets that message.
//
// The client must propose a frame_max itself, which bounds what it reads. It is shown a broker
// without a limit; the broker is answered with its own. So what the client sends must keep within
// the broker's limit without its help: publish nothing on such a connection.
//
// One goroutine may read while others write. The broker's limit is left alone where it is none, or
// not below the client's.
func LargeFrames(conn net.Conn, most uint32) net.Conn {
	return &largeFrames{Conn: conn, most: most}
}

type largeFrames struct {
	net.Conn
	most  uint32
	ready []byte // read, and not yet handed out; the reader's own
	tuned bool   // connection.tune was read; the reader's own

	mu      sync.Mutex
	limit   uint32 // the broker's, when the answer is to be changed
	waiting []byte // the beginning of a frame that was not written to its end
}

// Read implements net.Conn. Until connection.tune it reads frame by frame.
func (c *largeFrames) Read(p []byte) (int, error) {
	if len(c.ready) == 0 {
		if c.tuned {
			return c.Conn.Read(p)
		}
		if err := c.frame(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// frame reads one frame. What is no frame passes: the client says what is wrong with it.
func (c *largeFrames) frame() error {
	head := make([]byte, frameHead)
	if n, err := io.ReadFull(c.Conn, head); err != nil {
		if n == 0 {
			return err
		}
		c.ready, c.tuned = head[:n], true // the next read has the error
		return nil
	}
	size := binary.BigEndian.Uint32(head[3:])
	if head[0] != frameMethod || size > longestHandshake {
		c.ready, c.tuned = head, true
		return nil
	}
	all := bytes.NewBuffer(head)
	if _, err := io.CopyN(all, c.Conn, int64(size)+1); err != nil && all.Len() == frameHead {
		return err
	}
	c.ready = all.Bytes()
	if isMethod(c.ready, methodTune) {
		c.tuned = true
		c.raise()
	}
	return nil
}

// raise shows the client a broker without a limit.
func (c *largeFrames) raise() {
	field := c.ready[frameMaxAt : frameMaxAt+4]
	limit := binary.BigEndian.Uint32(field)
	if limit == 0 || limit >= c.most {
		return
	}
	clear(field)
	c.mu.Lock()
	c.limit = limit
	c.mu.Unlock()
}

// Write implements net.Conn.
func (c *largeFrames) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit == 0 {
		return c.Conn.Write(p)
	}
	c.waiting = append(c.waiting, p...)
	whole := 0
	for c.limit > 0 {
		rest := c.waiting[whole:]
		if len(rest) < frameHead {
			break
		}
		length := frameHead + int(binary.BigEndian.Uint32(rest[3:])) + 1
		if len(rest) < length {
			break
		}
		if isMethod(rest[:length], methodTuneOk) {
			binary.BigEndian.PutUint32(rest[frameMaxAt:], c.limit)
			c.limit = 0
			length = len(rest)
		}
		whole += length
	}
	if whole == 0 {
		return len(p), nil
	}
	_, err := c.Conn.Write(c.waiting[:whole])
	c.waiting = c.waiting[whole:]
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// isMethod reports whether a frame is connection.tune, or its answer, which have the same fields.
func isMethod(frame []byte, method uint16) bool {
	return len(frame) == tuneLength && frame[0] == frameMethod &&
		binary.BigEndian.Uint16(frame[frameHead:]) == classConnection &&
		binary.BigEndian.Uint16(frame[frameHead+2:]) == method
}
