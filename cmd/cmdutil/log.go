package cmdutil

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/telemetry"
)

// LogFlags are --log-level and --log-format.
type LogFlags struct {
	level  string
	format OutputFlag
}

// Register adds the flags to a command; levels describes what each level contains.
func (f *LogFlags) Register(cmd *cobra.Command, levels string) {
	cmd.Flags().StringVar(&f.level, "log-level", "info", "lowest level logged on stderr: "+levels)
	f.format.RegisterAs(cmd, "log-format", "", "auto", "text", "json")
	cmd.Flags().Lookup("log-format").Usage = "log format: text, json, or auto (text on a terminal, else json)"
}

// Check refuses an unknown level.
func (f *LogFlags) Check(cmd *cobra.Command) error {
	if _, err := logLevel(f.level); err != nil {
		return UsageError("--log-level info", "%sflag --log-level: %v", Where(cmd), err)
	}
	return nil
}

// Logger logs to w, which is stderr: text on a terminal and JSON elsewhere, unless the flag sets the
// format.
func (f *LogFlags) Logger(d *Process, w io.Writer) *slog.Logger {
	level, _ := logLevel(f.level) // checked
	json := f.format.Value == "json" || f.format.Value == "auto" && !d.Streams.ErrTTY
	return telemetry.NewLogger(w, level, json)
}

func logLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil || strings.ContainsAny(text, "+-") {
		return 0, fmt.Errorf("want debug, info, warn or error, not %q", text)
	}
	return l, nil
}

// LibraryLog is where libraries log what they cannot return, for example net/http the panic of a
// handler. It writes to stderr, redacted and escaped.
func (d *Process) LibraryLog() io.Writer { return libraryLog{d} }

type libraryLog struct{ d *Process }

// Write implements io.Writer.
func (l libraryLog) Write(text []byte) (int, error) {
	l.d.labelled("msgctl:", l.d.Streams.ErrStyler(l.d.Colour).Dim, strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}
