//go:build unix

package cmdutil

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/msgctl/msgctl/internal/terminal"
)

// TestInputsEndWithAnInterruption: nobody writes into the FIFO, and nobody opens it either.
func TestInputsEndWithAnInterruption(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted := make(chan struct{})
	d := &Process{Streams: &terminal.Streams{}, Interrupted: interrupted}
	opened := make(chan error, 1)
	go func() { _, err := d.Open(name); opened <- err }()
	writer, err := os.OpenFile(name, os.O_WRONLY, 0) // waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	second, err := d.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(second, buf); err != nil || string(buf) != "hello" {
		t.Fatal(string(buf), err)
	}
	read := make(chan error, 1)
	go func() { _, err := second.Read(buf); read <- err }()
	close(interrupted)
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = writer.Close()
	other := name + "2"
	if err := syscall.Mkfifo(other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(other); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	d.Env = func(name string) (string, bool) { return other, name == "MSGCTL_CONFIG" }
	if _, err := d.Contexts(); !errors.Is(err, context.Canceled) {
		t.Errorf("a context file that nobody writes: %v", err)
	}
}

// TestAppendEndsWithAnInterruption: nobody reads the FIFO, and nobody opens it either.
func TestAppendEndsWithAnInterruption(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted := make(chan struct{})
	d := &Process{Streams: &terminal.Streams{}, Interrupted: interrupted}
	reader, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Append(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(reader, buf); err != nil || string(buf) != "hello" {
		t.Fatal(string(buf), err)
	}
	close(interrupted)
	if _, err := w.Write([]byte("late")); err != nil {
		t.Errorf("what is in flight is not reported: %v", err)
	}
	for range 2 { // more than a FIFO holds
		if _, err := w.Write(make([]byte, 4<<20)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	_ = w.Close()
	_ = reader.Close()
	other := name + "2"
	if err := syscall.Mkfifo(other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Append(other); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
