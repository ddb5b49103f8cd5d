package cmd

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/telemetry"
)

// logFlags are --log-level and --log-format.
type logFlags struct {
	level  string
	format outputFormat
}

// register adds the flags to a command; levels says what each level has.
func (f *logFlags) register(cmd *cobra.Command, levels string) {
	cmd.Flags().StringVar(&f.level, "log-level", "info", "what is logged on stderr: "+levels)
	f.format.registerAs(cmd, "log-format", "", "auto", "text", "json")
	cmd.Flags().Lookup("log-format").Usage = "how it is logged: text, json, or auto: text on a terminal, json elsewhere"
}

// check finds a wrong level.
func (f *logFlags) check(cmd *cobra.Command) error {
	if _, err := logLevel(f.level); err != nil {
		return usageError("--log-level info", "%sflag --log-level: %v", where(cmd), err)
	}
	return nil
}

// logger logs text on a terminal, and JSON elsewhere, unless the flag says how.
func (f *logFlags) logger(d *deps) *slog.Logger {
	level, _ := logLevel(f.level) // checked
	json := f.format.value == "json" || f.format.value == "auto" && !d.streams.ErrTTY
	return telemetry.NewLogger(d.streams.Err, level, json)
}

func logLevel(text string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(text)); err != nil || strings.ContainsAny(text, "+-") {
		return 0, fmt.Errorf("want debug, info, warn or error, not %q", text)
	}
	return l, nil
}
