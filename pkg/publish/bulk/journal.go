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

// journalEvery is how often a journal is written to at most, and how often it is forced to the
// disk.
const (
	journalEvery = 20 * time.Millisecond
	journalSync  = time.Second
)

// Journal is a file that knows how far a run is. It survives the death of the program: what is in
// it was written to the system before, and once a second to the disk. A line that was cut short by
// a crash is ignored.
type Journal struct {
	f       *os.File
	written time.Time
	synced  time.Time
}

// Header is the journal's first line: which run it is about.
type Header struct {
	FormatVersion string `json:"msgctl_journal"`
	// Source names what is published, Check tells whether it is still the same.
	Source string `json:"source"`
	Check  string `json:"check"`
	// Series makes the ids of events, so that a line that is sent again has the same id. Type is
	// the events' type.
	Series string `json:"series"`
	Type   string `json:"type,omitempty"`
}

// journalVersion is that of the format.
const journalVersion = "1"

// progress is every further line: everything up to Line has its outcome.
type progress struct {
	Line   int64  `json:"line"`
	End    int64  `json:"end"`
	Counts Counts `json:"counts"`
}

// ErrNoJournal says that there is nothing to resume.
var ErrNoJournal = errors.New("there is no journal")

// CreateJournal begins a journal. It is an error when the file exists (wrapping os.ErrExist): an
// earlier run has not ended well.
func CreateJournal(name string, h Header) (*Journal, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin a journal: %w", err)
	}
	h.FormatVersion = journalVersion
	j := &Journal{f: f}
	if err := j.append(h); err != nil {
		_ = f.Close() // the error is told already
		return nil, err
	}
	return j, j.sync()
}

// ResumeJournal opens the journal of a run that did not end, and returns how far it came: the
// report has Line and the counts.
func ResumeJournal(name string) (*Journal, Header, Report, int64, error) {
	var h Header
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = ErrNoJournal
		}
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

// readJournal returns the header, the last whole line, and how many bytes are whole.
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

// note writes how far the run is, not too often unless it is the last time.
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

// Close closes the journal; with remove, because everything is done, it is gone.
func (j *Journal) Close(remove bool) error {
	name := j.f.Name()
	err := j.f.Close()
	if remove {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
