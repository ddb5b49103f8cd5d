package bulk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// journalEvery is the minimum interval between writes to a journal, journalSync that between syncs
// to disk.
const (
	journalEvery = 20 * time.Millisecond
	journalSync  = time.Second
)

// Journal is a file that records the progress of a run. It survives the death of the program:
// entries are handed to the operating system, and synced to disk once a second. A line cut short by
// a crash is ignored. It is not safe for concurrent use.
type Journal struct {
	f       *os.File
	written time.Time
	synced  time.Time
}

// Header is the journal's first line, which identifies the run.
type Header struct {
	FormatVersion string `json:"msgctl_journal"`
	// Source names the source; Check detects whether it has changed.
	Source string `json:"source"`
	Check  string `json:"check"`
	// Series makes the event ids, so that a line that is sent again has the same id. Type is the
	// event type.
	Series string `json:"series"`
	Type   string `json:"type,omitempty"`
}

// journalVersion is the version of the format.
const journalVersion = "1"

// progress is the form of every other line: everything up to Line has an outcome.
type progress struct {
	Line   int64  `json:"line"`
	End    int64  `json:"end"`
	Counts Counts `json:"counts"`
}

// ErrNoJournal is wrapped when there is no journal to resume from.
var ErrNoJournal = errors.New("there is no journal")

// CreateJournal creates a journal. The error wraps os.ErrExist if the file exists: an earlier run
// did not complete.
func CreateJournal(name string, h Header) (*Journal, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin a journal: %w", err)
	}
	h.FormatVersion = journalVersion
	j := &Journal{f: f}
	if err := j.append(h); err != nil {
		_ = f.Close() // the error was reported already
		return nil, err
	}
	return j, j.sync()
}

// ResumeJournal opens the journal of an incomplete run. It returns the header, a report with Line
// and the counts, and the offset in the source at which to continue. The error wraps ErrNoJournal
// if there is no file of that name.
func ResumeJournal(name string) (*Journal, Header, Report, int64, error) {
	var h Header
	f, err := openJournal(name)
	if err != nil {
		return nil, h, Report{}, 0, fmt.Errorf("resume: %s: %w", name, err)
	}
	h, last, whole, err := readJournal(f)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, h, Report{}, 0, fmt.Errorf("resume: %s: %w", name, err)
	}
	return &Journal{f: f}, h, Report{Counts: last.Counts, Line: last.Line}, last.End, nil
}

// openJournal opens a regular file: reading from a FIFO or a device may have no end.
func openJournal(name string) (*os.File, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, ErrNoJournal
	case err == nil && !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	}
	return os.OpenFile(name, os.O_RDWR, 0)
}

// readJournal returns the header, the last complete line, and the size of all complete lines in
// bytes.
func readJournal(r io.Reader) (h Header, last progress, whole int64, err error) {
	lines := bufio.NewReader(r)
	for n := 0; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the end, perhaps in the middle of a line
			if n == 0 || !errors.Is(err, io.EOF) {
				return h, last, whole, errors.New("it is no journal of msgctl")
			}
			return h, last, whole, nil
		}
		if n == 0 {
			if json.Unmarshal(line, &h) != nil || h.FormatVersion != journalVersion {
				return h, last, whole, errors.New("it is no journal of msgctl, or one of another version")
			}
		} else {
			var p progress
			if json.Unmarshal(line, &p) != nil || p.Line < last.Line || p.End < last.End {
				return h, last, whole, fmt.Errorf("line %d is damaged", n+1)
			}
			last = p
		}
		whole += int64(len(line))
	}
}

// note records the progress of the run. It limits how often it writes, unless final is set.
func (j *Journal) note(p progress, final bool) error {
	now := time.Now()
	if p.End == 0 || !final && now.Sub(j.written) < journalEvery {
		return nil
	}
	j.written = now
	if err := j.append(p); err != nil {
		return err
	}
	if final || now.Sub(j.synced) >= journalSync {
		j.synced = now
		return j.sync()
	}
	return nil
}

func (j *Journal) append(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := j.f.Write(append(bytes.TrimSpace(text), '\n')); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

func (j *Journal) sync() error {
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Close closes the journal. If remove is set, because the run is complete, it deletes the file. It
// returns the errors of closing and of deleting.
func (j *Journal) Close(remove bool) error {
	name := j.f.Name()
	err := j.f.Close()
	if remove {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
