package telemetry

import (
	"bytes"
	"io"
	"log/slog"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// NewLogger returns a logger of text for people, or of JSON. Both escape what messages contain, so
// that it does no harm on a terminal.
func NewLogger(w io.Writer, level slog.Level, json bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(slog.NewJSONHandler(escaper{w}, o)) // it leaves DEL and C1 as they are
	}
	o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.String(a.Key, a.Value.Time().Format("15:04:05.000"))
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// escaper escapes what JSON need not, in the whole lines that a handler writes.
type escaper struct{ w io.Writer }

// Write implements io.Writer.
func (e escaper) Write(line []byte) (int, error) {
	if _, err := e.w.Write(jsonline.Escape(bytes.Clone(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
