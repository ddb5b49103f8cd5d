package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine bounds one line: the largest message that a broker of any supported line takes by
// default.
const MaxLine = 128 << 20

// TooLongError says that a line was longer than Most, which is MaxLine; it was skipped.
type TooLongError struct{ Line, Most int64 }

// Error names the line.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("line %d is longer than %d bytes", e.Line, e.Most)
}

// Lines reads lines and knows where they are. Empty lines are left out, but counted.
type Lines struct {
	r    *bufio.Reader
	line int64
	end  int64
	most int64
	long []byte // what a line has before the part in r's buffer
}

// NewLines reads from r, which stands at line and byte: both 0 for the beginning.
func NewLines(r io.Reader, line, end int64) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 256<<10), line: line, end: end, most: MaxLine}
}

// Line returns the number of the last line read, from 1, and End where the next one begins.
func (l *Lines) Line() int64 { return l.line }

// End is the position behind the last line read.
func (l *Lines) End() int64 { return l.end }

// Next returns the next line that is not empty, without its end. It is valid until the next call.
// The error is io.EOF, a *TooLongError after which reading can go on, or the reader's.
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

// Skip reads past lines until line, for a source that cannot be positioned.
func (l *Lines) Skip(line int64) error {
	var long *TooLongError
	for l.line < line {
		if _, err := l.next(); err != nil && !errors.As(err, &long) {
			return err
		}
	}
	return nil
}

// Rest returns all that follows the last line, which may not be more than most bytes.
func (l *Lines) Rest(most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(l.r, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return text, err
}
