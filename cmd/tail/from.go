package tail

import (
	"cmp"
	"errors"
	"strconv"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// streamFrom is the flag --from: where to start in a stream.
type streamFrom struct {
	text   string
	set    bool
	offset any           // "first", "last", "next", an int64 or a time.Time; nil with ago
	ago    time.Duration // before now
}

// String, Set and Type make it a flag's value.
func (f *streamFrom) String() string { return cmp.Or(f.text, "next") }

// Set parses a position.
func (f *streamFrom) Set(s string) error {
	*f = streamFrom{text: s, set: true}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
		f.offset = n
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04",
		time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			f.offset = at
			return nil
		}
	}
	switch s {
	case "first", "last", "next":
		f.offset = s
		return nil
	}
	var ago cmdutil.DurationFlag
	if err := ago.Set(s); err != nil {
		return errors.New("want first, last, next, an offset, a time like 2026-01-31T12:00:00Z, or how long ago: 10m, 7d")
	}
	f.ago = time.Duration(ago)
	return nil
}

// Type names the value in help.
func (f *streamFrom) Type() string { return "where" }

// at returns the offset to send to the broker.
func (f *streamFrom) at(now time.Time) any {
	switch {
	case !f.set:
		return "next"
	case f.ago > 0:
		return now.Add(-f.ago)
	}
	return f.offset
}
