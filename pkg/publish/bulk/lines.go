package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine limits the length of a line, in bytes: it is the largest default message size limit of
// any supported broker version.
const MaxLine = 128 << 20

// TooLongError reports a line longer than Most, which is MaxLine. The line was skipped.
type TooLongError struct{ Line, Most int64 }

// Error names the line and the limit.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("line %d is longer than %d bytes", e.Line, e.Most)
}

// Lines reads lines and tracks their position. It skips empty lines but counts them. It is not safe
// for concurrent use.
type Lines struct {
	r    *bufio.Reader
	line int64
	end  int64
	most int64
	long []byte // what a line has before the part in r's buffer
}

// NewLines returns a reader of lines from r, which is positioned after line number line, at offset
// end in bytes. Both are 0 at the beginning.
func NewLines(r io.Reader, line, end int64) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 256<<10), line: line, end: end, most: MaxLine}
}

// Line returns the number of the last line read, from 1.
func (l *Lines) Line() int64 { return l.line }

// End returns the offset in bytes just after the last line read.
func (l *Lines) End() int64 { return l.end }

// Next returns the next non-empty line, without its line ending. The line is valid until the next
// call. The error is io.EOF, a *TooLongError, after which reading can continue, or that of the
// underlying reader.
func (l *Lines) Next() ([]byte, error) {
	for {
		line, err := l.next()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (l *Lines) next() ([]byte, error) {
	l.long = l.long[:0]
	size := int64(0)
	for {
		part, err := l.r.ReadSlice('\n')
		size += int64(len(part))
		l.end += int64(len(part))
		full := errors.Is(err, bufio.ErrBufferFull)
		if size <= l.most && (full || len(l.long) > 0) {
			l.long = append(l.long, part...)
		}
		switch {
		case full:
			continue
		case err != nil && (!errors.Is(err, io.EOF) || size == 0):
			return nil, err
		}
		l.line++
		switch {
		case size > l.most:
			l.long = nil
			return nil, &TooLongError{l.line, l.most}
		case len(l.long) > 0:
			return l.long, nil
		}
		return part, nil
	}
}

// Skip reads up to and including the given line, for a source that cannot seek. The error is io.EOF
// if there are fewer lines, or that of the reader. A line that is too long is not an error.
func (l *Lines) Skip(line int64) error {
	var long *TooLongError
	for l.line < line {
		if _, err := l.next(); err != nil && !errors.As(err, &long) {
			return err
		}
	}
	return nil
}

// Rest returns everything after the last line. It is an error if that is more than most bytes.
func (l *Lines) Rest(most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(l.r, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return text, err
}
