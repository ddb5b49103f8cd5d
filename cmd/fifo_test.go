//go:build unix

package cmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// readFiles are command lines that read FIFO, by the flag or the argument that names it.
func readFiles() map[string]string {
	return map[string]string{
		"file": "validate -f FIFO", "var-file": "validate -f topology.yaml --var-file FIFO",
		"password-file": "status --password-file FIFO", "tls-ca": "status --url amqps://h/ --tls-ca FIFO",
		"tls-cert": "status --url amqps://h/ --tls-cert FIFO --tls-key password",
		"tls-key":  "status --url amqps://h/ --tls-cert password --tls-key FIFO",
		"handlers": "consume q --handlers FIFO",
		"ndjson":   "publish --exchange x --key k --ndjson FIFO", "archive": "publish --archive FIFO",
		"data": "publish --exchange x --key k --data @FIFO",

		"dlq import": "dlq import FIFO", "events validate": "events validate -f topology.yaml FIFO",
		"events diff": "events diff FIFO topology.yaml", "definitions": "lint -f topology.yaml -f FIFO",
	}
}

// TestFilesThatNobodyWrites: whatever file a command reads may be a FIFO. Ctrl-C ends the command
// while it waits for somebody to write.
func TestFilesThatNobodyWrites(t *testing.T) {
	dir := usageDir(t)
	for what, line := range readFiles() {
		fifo := filepath.Join(dir, strings.ReplaceAll(what, " ", "-")+".fifo")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		endsWhileReading(t, dir, fifo, strings.Fields(strings.ReplaceAll(line, "FIFO", fifo))...)
	}
}

// TestEveryFileThatIsRead: no flag that names a file is missing in the table.
func TestEveryFileThatIsRead(t *testing.T) {
	eachCommand(Reference(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if kind, _ := pflag.UnquoteUsage(f); kind == "FILE" && !cmdutil.NamesNewFile(f) && readFiles()[f.Name] == "" {
				t.Errorf("%s: --%s names a file", c.CommandPath(), f.Name)
			}
		})
	})
}

// endsWhileReading interrupts a command line while it reads the FIFO. One that has opened it and
// connects before it hears the interrupt shows nothing: it is run again.
func endsWhileReading(t *testing.T, dir, fifo string, line ...string) {
	t.Helper()
	for range 20 {
		if interruptWhileReading(t, dir, fifo, line) {
			return
		}
	}
	t.Errorf("%v does not hear the interrupt", line)
}

func interruptWhileReading(t *testing.T, dir, fifo string, line []string) (heard bool) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	type ended struct {
		code int
		said string
	}
	end := make(chan ended, 1)
	go func() {
		code, said := runUntil(ctx, dir, line)
		end <- ended{code, said}
	}()
	for {
		writer, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil { // there is a reader
			defer func() { _ = writer.Close() }()
			break
		}
		select {
		case e := <-end:
			t.Errorf("%v does not read the file: exit code %d: %s", line, e.code, e.said)
			return true
		case <-time.After(time.Millisecond):
		}
	}
	interrupt()
	select {
	case e := <-end:
		if e.code == cmdutil.ExitFailed && strings.Contains(e.said, "no broker here") {
			return false
		}
		if e.code != cmdutil.ExitInterrupted {
			t.Errorf("%v: exit code %d: %s", line, e.code, e.said)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("%v goes on", line)
	}
	return true
}
