package wire

import (
	"bufio"
	"net"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
)

const (
	// readAhead is the maximum number of bytes that one read from the socket returns.
	readAhead = 64 << 10
	// coalesceLimit is how many bytes may wait for the socket before a writer has to wait too.
	coalesceLimit = 256 << 10
	// coalesceGoodbye is the longest time that Close waits for buffered bytes to be written.
	coalesceGoodbye = 2 * time.Second
)

// Coalescer gathers many small writes into few large ones: the AMQP library flushes after every
// message and acknowledgement. While one write to the socket is in progress, further writes are
// buffered for the next. Nothing is delayed if the connection is idle.
//
// A failed write closes the connection, so that its reader notices at once. The next Write returns
// the error. Deadlines are those of the underlying connection.
type Coalescer struct {
	net.Conn
	in *bufio.Reader // of Conn: the library reads 4 KiB at a time

	mu      sync.Mutex
	filled  *sync.Cond // there is something to write, or an end
	emptied *sync.Cond // there is room, or an end
	pending []byte
	err     error // why nothing can be written any more
	closing bool

	done chan struct{} // closed when the flusher has ended
}

// Coalesce returns a Coalescer on conn. Its goroutine ends with Close, or with an error of conn.
func Coalesce(conn net.Conn) *Coalescer {
	c := &Coalescer{Conn: conn, in: bufio.NewReaderSize(conn, readAhead), done: make(chan struct{})}
	c.filled, c.emptied = sync.NewCond(&c.mu), sync.NewCond(&c.mu)
	guarded.Go(c.flush)
	return c
}

// Write buffers p for the flusher. It blocks while too much is buffered.
func (c *Coalescer) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && len(c.pending) > 0 && len(c.pending)+len(p) > coalesceLimit {
		c.emptied.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.closing:
		return 0, net.ErrClosed
	}
	c.pending = append(c.pending, p...)
	c.filled.Signal()
	return len(p), nil
}

// Read reads from the connection. A read error also fails the writing side: otherwise a writer
// could wait for room forever after the peer closed.
func (c *Coalescer) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if err != nil {
		c.fail(err)
	}
	return n, err
}

// Close writes what is buffered, for at most coalesceGoodbye, and closes the connection.
func (c *Coalescer) Close() error {
	c.mu.Lock()
	c.closing = true
	c.filled.Signal()
	c.mu.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(coalesceGoodbye)) // if it fails, so do the writes
	<-c.done
	return c.Conn.Close()
}

func (c *Coalescer) flush() {
	defer close(c.done)
	var spare []byte
	for {
		batch, ok := c.take(spare)
		if !ok {
			return
		}
		if _, err := c.Conn.Write(batch); err != nil {
			c.fail(err)
			return
		}
		spare = batch
	}
}

// take waits for bytes to write and leaves spare in their place. It returns false at the end.
func (c *Coalescer) take(spare []byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.pending) == 0 && c.err == nil && !c.closing {
		c.filled.Wait()
	}
	if c.err != nil || len(c.pending) == 0 {
		return nil, false
	}
	batch := c.pending
	c.pending = spare[:0]
	c.emptied.Broadcast()
	return batch, true
}

func (c *Coalescer) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.pending = nil
	c.filled.Broadcast()
	c.emptied.Broadcast()
	c.mu.Unlock()
	_ = c.Conn.Close() // the first error is reported
}
