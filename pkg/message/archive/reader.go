package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// DefaultMaxLine is the default of ReaderOptions.MaxLine. It is more than the base64 of the
// largest body that a broker accepts by default (fact max-message-size): 171 MiB.
const DefaultMaxLine = 256 << 20

// ReaderOptions set limits of a Reader. The zero value has the defaults.
type ReaderOptions struct {
	// MaxLine is the maximum length of a line in bytes; 0 means DefaultMaxLine. Memory grows only
	// to the longest line present.
	MaxLine int
	// Close is called by the reader's Close; it may be nil.
	Close func() error
}

// BrokenError says where and how an archive is broken.
type BrokenError struct {
	Line int64 // from 1
	Byte int64 // where the line begins in the uncompressed archive, from 0
	// Final reports whether nothing more can be read: the file is truncated, or its compressed
	// stream is damaged. Otherwise only this line is broken, and Next continues with the next line.
	Final  bool
	Reason error
}

// Error returns the position and the reason.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("archive broken at line %d (byte %d): %v", e.Line, e.Byte, e.Reason)
}

// Unwrap returns the reason.
func (e *BrokenError) Unwrap() error { return e.Reason }

// Reader reads the messages of an archive one by one. It must be used from one goroutine.
//
// It detects the compression from the content. If an archive is truncated or damaged, it returns
// every complete message before that point, and then the error.
type Reader struct {
	in      *bufio.Reader
	release func()
	close   func() error
	maxLine int
	buf     []byte
	line    int64
	next    int64 // byte where the next line begins
	ended   error // what every further Next returns
	seen    time.Time
}

// Seen returns when the message last returned by Next was seen. It is zero if the archive does not
// say: only programs that watch messages record it.
func (r *Reader) Seen() time.Time { return r.seen }

// Open opens the archive in the named file. Close closes the file. The error wraps that of os.Open.
// An unknown or damaged content is an error of Next.
func Open(name string, o ReaderOptions) (*Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	r := NewReader(f, o)
	r.close = f.Close
	return r, nil
}

// NewReader returns a Reader of in. It reads ahead. Close releases its memory, but does not close
// in.
func NewReader(in io.Reader, o ReaderOptions) *Reader {
	r := &Reader{maxLine: o.MaxLine, release: func() {}, close: o.Close}
	if r.close == nil {
		r.close = func() error { return nil }
	}
	if r.maxLine <= 0 {
		r.maxLine = DefaultMaxLine
	}
	plain, release, err := Plain(in)
	if err != nil {
		r.ended = &BrokenError{Line: 1, Final: true, Reason: shortened(err)}
		return r
	}
	r.in, r.release = bufio.NewReaderSize(plain, 64<<10), release
	return r
}

// Plain returns the content of in, decompressed if it starts like gzip or zstd. release frees
// memory; it does not close in. It fails if the first bytes of a compressed content are damaged.
func Plain(in io.Reader) (plain io.Reader, release func(), err error) {
	raw := bufio.NewReaderSize(in, 64<<10)
	magic, _ := raw.Peek(4) // an error comes again at the first read
	return newDecompressor(raw, magic)
}

// Next returns the next message, io.EOF after the last one, or a *BrokenError.
func (r *Reader) Next() (*message.Message, error) {
	for {
		if r.ended != nil {
			return nil, r.ended
		}
		start := r.next
		line, tooLong, err := r.readLine()
		if len(line) > 0 || tooLong {
			r.line++
		}
		m, bad := r.parse(line, tooLong)
		if err != nil {
			r.end(err, start, bad, tooLong)
		}
		switch {
		case m != nil:
			return m, nil
		case err != nil:
			return nil, r.ended
		case bad != nil:
			return nil, &BrokenError{Line: r.line, Byte: start, Reason: bad}
		}
	}
}

// parse returns nil and no error for a blank line.
func (r *Reader) parse(line []byte, tooLong bool) (*message.Message, error) {
	if tooLong {
		return nil, fmt.Errorf("it is longer than %d bytes", r.maxLine)
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, nil
	}
	m, seen, err := parseLine(line)
	r.seen = seen
	return m, err
}

// end decides what Next returns from now on. A complete last line needs no newline; an incomplete
// one was truncated, unless it was too long.
func (r *Reader) end(err error, start int64, bad error, tooLong bool) {
	partial := bad != nil
	broken := &BrokenError{Line: r.line, Byte: start, Final: true, Reason: shortened(err)}
	if !partial {
		broken.Line, broken.Byte = r.line+1, r.next
	}
	switch {
	case !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.ended = broken
	case tooLong:
		broken.Reason = bad
		r.ended = broken
	case partial:
		broken.Reason = errors.New("the archive ends in the middle of a message")
		r.ended = broken
	default:
		r.ended = io.EOF
	}
}

func shortened(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the compressed file is cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// readLine returns the next line, which is valid until the next call. A line that is too long is
// read to its end and discarded.
func (r *Reader) readLine() (line []byte, tooLong bool, err error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.next += int64(len(part))
		if !tooLong {
			if tooLong = len(r.buf)+len(part) > r.maxLine; tooLong {
				r.buf = r.buf[:0]
			} else {
				r.buf = append(r.buf, part...)
			}
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.buf, tooLong, err
		}
	}
}

// Close releases the reader's memory, and closes the file if Open opened it. It returns the error
// of closing the file.
func (r *Reader) Close() error {
	r.release()
	r.release = func() {}
	if r.ended == nil {
		r.ended = io.EOF
	}
	return r.close()
}
