package cmdutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// Open opens a file to read it. If it is not a regular file (a FIFO, a device), opening and reading
// may wait forever. An interruption ends both with context.Canceled. The caller closes it.
func (d *Process) Open(name string) (fs.File, error) {
	if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() || info.IsDir() {
		return os.Open(name)
	}
	var f *os.File
	err := d.waiting(func() (err error) { f, err = os.Open(name); return err })
	if err != nil {
		return nil, err
	}
	return &waitingFile{f, d.interruptible(f)}, nil
}

// CannotRead is the error of Open for a file that somebody named: what it has, and why not.
func CannotRead(what string, err error) error {
	if err = fmt.Errorf("read %s: %w", what, err); errors.Is(err, context.Canceled) {
		return err
	}
	return &ExitError{Code: ExitUsage, Err: err}
}

// Stdin is the standard input; reading it ends with an interruption.
func (d *Process) Stdin() io.Reader {
	if f, ok := d.Streams.In.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f
		}
	}
	return d.interruptible(d.Streams.In)
}

// ReadFile is os.ReadFile for at most so many bytes, with the Open of the process.
func (d *Process) ReadFile(name string, most int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return text, err
}

// topologyFiles reads what -f names.
func (d *Process) topologyFiles(names []string) ([]source.Input, error) {
	inputs, err := source.Files(names, source.FileSystem{
		Stdin: d.Stdin(), Stat: os.Stat, ReadDir: os.ReadDir, Glob: filepath.Glob, Open: d.Open,
	})
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, &ExitError{Code: ExitUsage, Err: err, Advice: filesThere(names)}
	}
	return inputs, nil
}

// filesThere names the topology file that was meant, or those in the folder of the first file that
// does not exist. It returns "" if all exist, or the folder has none.
func filesThere(names []string) string {
	for _, name := range names {
		if _, err := os.Stat(name); name == "-" || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		dir := filepath.Dir(name)
		found, _ := source.FileSystem{}.Directory(dir) // no advice without it
		var bases []string
		found = slices.DeleteFunc(found, func(f string) bool { return strings.HasPrefix(filepath.Base(f), ".") })
		for _, f := range found {
			bases = append(bases, filepath.Base(f))
		}
		switch near := suggest.Nearest(filepath.Base(name), bases); {
		case near != "":
			return "did you mean " + filepath.Join(dir, near) + "?"
		case len(found) > 0:
			return "there are: " + suggest.List(found)
		}
		return ""
	}
	return ""
}

func (d *Process) interruptible(r io.Reader) io.Reader { return &waitingReader{r: r, wait: d.waiting} }

// waiting runs f, which may never return, until the command is interrupted.
func (d *Process) waiting(f func() error) error {
	done := make(chan error, 1)
	guarded.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-d.Interrupted:
		return context.Canceled
	}
}

// waitingReader reads into memory of its own: a read that was given up may still write to it.
type waitingReader struct {
	r     io.Reader
	wait  func(func() error) error
	buf   []byte
	ready []byte
	end   error
}

// Read implements io.Reader.
func (w *waitingReader) Read(p []byte) (int, error) {
	if len(w.ready) == 0 {
		if w.end != nil {
			return 0, w.end
		}
		if w.buf == nil {
			w.buf = make([]byte, 64<<10)
		}
		var n int
		err := w.wait(func() (err error) { n, err = w.r.Read(w.buf); return err })
		if w.end = err; errors.Is(err, context.Canceled) {
			return 0, err // n belongs to the read, which is still running
		}
		w.ready = w.buf[:n]
	}
	n := copy(p, w.ready)
	w.ready = w.ready[n:]
	if len(w.ready) == 0 && n == 0 {
		return 0, w.end
	}
	return n, nil
}

// waitingFile is a file that is not a regular file.
type waitingFile struct {
	*os.File
	in io.Reader
}

// Read implements fs.File.
func (w *waitingFile) Read(p []byte) (int, error) { return w.in.Read(p) }

// lateWrites is how long, after an interruption, writes to a file may take that is not a regular file:
// what is in flight is still settled and reported.
const lateWrites = 2 * time.Second

// Append opens a file to write at its end; only the owner can read a new one. If it is not a regular
// file (a FIFO, a device), opening and writing may wait forever. An interruption ends opening with
// context.Canceled, and soon afterwards writing, too.
func (d *Process) Append(name string) (io.WriteCloser, error) {
	open := func() (*os.File, error) { return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) }
	if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() || info.IsDir() {
		return open()
	}
	var f *os.File
	if err := d.waiting(func() (err error) { f, err = open(); return err }); err != nil {
		return nil, err
	}
	return &waitingWriter{f: f, interrupted: d.Interrupted}, nil
}

// waitingWriter is a file that is not a regular file.
type waitingWriter struct {
	f           *os.File
	interrupted <-chan struct{}

	mu      sync.Mutex
	givenUp bool
}

// Close implements io.Closer.
func (w *waitingWriter) Close() error { return w.f.Close() }

// Write implements io.Writer. Once a write was given up, every further one fails at once.
func (w *waitingWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.givenUp {
		return 0, context.Canceled
	}
	p = bytes.Clone(p) // a write that was given up may still read it
	type written struct {
		n   int
		err error
	}
	done := make(chan written, 1)
	guarded.Go(func() {
		n, err := w.f.Write(p)
		done <- written{n, err}
	})
	select {
	case x := <-done:
		return x.n, x.err
	case <-w.interrupted:
	}
	select {
	case x := <-done:
		return x.n, x.err
	case <-time.After(lateWrites):
		w.givenUp = true
		return 0, context.Canceled
	}
}
