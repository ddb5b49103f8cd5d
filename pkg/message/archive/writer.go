package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// writeBuffer is how many bytes are collected before the compressor or the file is called.
const writeBuffer = 256 << 10

// Writer appends messages to an archive. It must be used from one goroutine.
//
// Written messages are safe only after Sync has returned nil. Code that destroys a message because
// it is archived (purge, drain) must call Write, then Sync, then acknowledge. Sync flushes to disk,
// so call it once per batch, not for each message.
//
// After an error the archive may end in an incomplete line, and every further call returns the same
// error. Messages before the last successful Sync stay readable, see Reader.
type Writer struct {
	out      io.Writer
	compress flusher // nil without compression
	buf      *bufio.Writer
	line     []byte
	messages int64
	err      error
}

// Create creates an archive, compressed according to its name. The error wraps fs.ErrExist if the
// file exists, because an archive may be the last copy of its messages. Only the owner can read the
// file, because bodies may contain anything.
func Create(name string) (*Writer, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create archive %q: %w: move it away or choose another name", name, fs.ErrExist)
	}
	if err != nil {
		return nil, fmt.Errorf("create archive: %w", err)
	}
	w, err := NewWriter(f, CompressionFor(name))
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create archive %q: %w", name, err), f.Close())
	}
	return w, nil
}

// syncDir makes the file's name as durable as its content. Systems that cannot flush a directory
// (Windows) do not need it.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // the directory may be writable but not readable; the file itself is still flushed
	}
	_ = d.Sync()
	return d.Close()
}

// NewWriter returns a Writer to out. If out has a method Sync() error, as *os.File does, Sync calls
// it. For other writers (a pipe, a buffer) Sync only flushes buffers. If out is an io.Closer, Close
// closes it.
func NewWriter(out io.Writer, c Compression) (*Writer, error) {
	compress, err := newCompressor(out, c)
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, compress: compress}
	if compress != nil {
		w.buf = bufio.NewWriterSize(compress, writeBuffer)
	} else {
		w.buf = bufio.NewWriterSize(out, writeBuffer)
	}
	return w, nil
}

// Write adds a message. A message that cannot be encoded, because a header has a type that does not
// exist in AMQP, is refused with an error. The archive stays unchanged and usable: Err is still
// nil.
func (w *Writer) Write(m *message.Message) error { return w.WriteSeen(m, time.Time{}) }

// WriteSeen adds a message as Write does, with the time at which it was seen: see Reader.Seen.
// Errors are those of Write.
func (w *Writer) WriteSeen(m *message.Message, at time.Time) error {
	if w.err != nil {
		return w.err
	}
	line, err := AppendLineSeen(w.line[:0], m, at)
	if err != nil {
		return err
	}
	if _, err := w.buf.Write(line); err != nil {
		return w.fail("write archive", err)
	}
	w.messages++
	if cap(line) <= writeBuffer {
		w.line = line // kept for the next one, unless a huge body would be kept with it
	} else {
		w.line = nil
	}
	return nil
}

// Sync makes everything written so far durable: it ends the compressor's block and flushes the file
// to disk. After an error, the archive accepts no more messages, and what was not synced before may
// be missing from it.
func (w *Writer) Sync() error {
	if w.err != nil {
		return w.err
	}
	if err := w.buf.Flush(); err != nil {
		return w.fail("write archive", err)
	}
	if w.compress != nil {
		if err := w.compress.Flush(); err != nil {
			return w.fail("write archive", err)
		}
	}
	return w.syncFile()
}

func (w *Writer) syncFile() error {
	if s, ok := w.out.(interface{ Sync() error }); ok {
		if err := s.Sync(); err != nil && !cannotSync(w.out, err) {
			return w.fail("flush archive to disk", err)
		}
	}
	return nil
}

// cannotSync reports whether the file is a pipe, socket or terminal, which cannot be flushed to
// disk.
func cannotSync(out io.Writer, err error) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, statErr := f.Stat()
	return statErr == nil && !info.Mode().IsRegular() && err != nil
}

// Messages returns the number of messages written.
func (w *Writer) Messages() int64 { return w.messages }

// Err returns the error that ended the archive, or nil.
func (w *Writer) Err() error { return w.err }

// Close ends the archive durably, as Sync does, and closes the file. It also closes the file after
// an error, and returns that error.
func (w *Writer) Close() error {
	err := w.err
	if err == nil {
		err = w.finish()
	}
	if c, ok := w.out.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	if w.err == nil {
		w.err = fmt.Errorf("write archive: %w", fs.ErrClosed)
	}
	return err
}

func (w *Writer) finish() error {
	if err := w.buf.Flush(); err != nil {
		return w.fail("write archive", err)
	}
	if w.compress != nil {
		if err := w.compress.Close(); err != nil {
			return w.fail("write archive", err)
		}
	}
	return w.syncFile()
}

func (w *Writer) fail(doing string, err error) error {
	w.err = fmt.Errorf("%s: %w", doing, err)
	return w.err
}
