package cmdutil

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
)

// Args checks positional arguments against their names: "NAME" is required, "[NAME]" is optional,
// "NAME..." may repeat.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		for i, name := range names {
			if i >= len(given) && !strings.HasPrefix(name, "[") {
				return UsageError("usage: "+cmd.UseLine(), "%s%s is missing", Where(cmd), strings.TrimSuffix(name, "..."))
			}
		}
		open := len(names) > 0 && strings.Contains(names[len(names)-1], "...")
		if len(given) > len(names) && !open {
			return UsageError(extraHint(cmd, given, len(names)), "%sunexpected argument %q", Where(cmd), given[len(names)])
		}
		return nil
	}
}

// FlagError describes what is wrong with a flag and suggests the likely one.
func FlagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	see := "see: " + cmd.CommandPath() + " --help"
	switch {
	case errors.As(err, &unknown):
		if hint := unknownFlagHint(cmd, unknown.GetSpecifiedName()); hint != "" {
			see = hint
		}
		if unknown.GetSpecifiedShortnames() != "" { // what follows the letter may be a password
			return UsageError(see, "%sunknown flag: -%s", Where(cmd), unknown.GetSpecifiedName())
		}
		return UsageError(see, "%s%w", Where(cmd), err)
	case errors.As(err, &missing) && missing.GetFlag() != nil:
		return UsageError(see, "%sflag --%s needs a value", Where(cmd), missing.GetFlag().Name)
	case errors.As(err, &invalid) && invalid.GetFlag() != nil:
		return UsageError(flagAdvice(invalid.GetFlag(), invalid.GetValue(), see), "%sflag --%s: invalid value %q: %v",
			Where(cmd), invalid.GetFlag().Name, invalid.GetValue(), plainReason(invalid.Unwrap()))
	}
	return UsageError(see, "%s%w", Where(cmd), err)
}

// CheckExclusive refuses flags that exclude each other (cobra's MarkFlagsMutuallyExclusive).
func CheckExclusive(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
			var given []string
			for _, name := range strings.Fields(group) {
				if cmd.Flags().Changed(name) {
					given = append(given, "--"+name)
				}
			}
			if len(given) > 1 {
				err = UsageError("use one of them", "%s%s exclude each other", Where(cmd), strings.Join(given, " and "))
			}
		}
	})
	return err
}

// unknownFlagHint suggests the flag that was meant, "" for none. It knows renamed flags.
func unknownFlagHint(cmd *cobra.Command, name string) string {
	renamed := map[string]string{"format": "output", "number": "limit", "file": "archive", "f": "archive", "n": "dry-run",
		"no-look": "no-browse", "looks": "browse-queues"}
	if f := cmd.Flags().Lookup(renamed[name]); f != nil {
		if f.Shorthand != "" {
			return "renamed to --" + f.Name + " (-" + f.Shorthand + ")"
		}
		return "renamed to --" + f.Name
	}
	if hint := foreignFlag(cmd, name); hint != "" {
		return hint
	}
	if near := nearestFlag(cmd, name); near != "" {
		return "did you mean --" + near + "?"
	}
	return ""
}

// foreignFlag says what to write instead of a flag that other tools have, "" when nothing is known.
func foreignFlag(cmd *cobra.Command, name string) string {
	for _, f := range []struct{ names, flag, hint string }{
		{"queue q", "", "a queue is an argument, without a flag: " + cmd.UseLine()},
		{"message body payload", "data", "did you mean --data?"},
		{"broker-version rabbitmq-version for", "broker", "did you mean --broker?"},
		{"auto-approve assume-yes no-confirm force", "yes", "did you mean --yes?"},
		{"env environment stage", "var", "an environment is a further file that overrides the first: -f topology.yaml -f " +
			"production.yaml"},
		{"host hostname server uri amqp-url broker-url", "url", "did you mean --url? For example: " +
			"--url amqp://USER@HOST:5672/VHOST"},
		{"u user username", "url", "the user is part of the address: --url amqp://USER@HOST:5672/VHOST"},
		{"p password pass", "url", "the password is in MSGCTL_PASSWORD, or in --password-file FILE: on a command line " +
			"others could read it"},
		{"port", "url", "the port is part of the address: --url amqp://USER@HOST:PORT/VHOST"},
		{"json", "output", "did you mean -o json?"}, {"yaml", "output", "did you mean -o yaml?"},
		{"dryrun simulate check", "dry-run", "did you mean --dry-run?"},
	} {
		known := f.flag == "" && strings.Contains(cmd.Use, "QUEUE") || f.flag != "" && cmd.Flags().Lookup(f.flag) != nil
		if known && slices.Contains(strings.Fields(f.names), name) {
			return f.hint
		}
	}
	return ""
}

// Where returns the prefix of a message, which names the command; "" for msgctl itself, whose name
// is printed anyway.
func Where(cmd *cobra.Command) string {
	if _, path, ok := strings.Cut(cmd.CommandPath(), " "); ok {
		return path + ": "
	}
	return ""
}

func flagAdvice(f *pflag.Flag, value, otherwise string) string {
	switch f.Value.Type() {
	case "duration":
		if d, err := units.ParseDuration(units.MeantDuration(value)); err == nil {
			return "did you mean " + units.FormatDuration(d) + "?"
		}
		return "write a duration with its unit: 500ms, 30s, 2m"
	case "uint8":
		return "write a whole number from 0 to 255"
	case "int", "int64", "uint", "uint64":
		return "write a whole number, such as 10"
	case "int64Slice":
		return "write whole numbers, such as 1,10,100"
	}
	return otherwise
}

// plainReason removes the name of the Go function from a parse error.
func plainReason(err error) error {
	var number *strconv.NumError
	switch {
	case !errors.As(err, &number):
		return err
	case number.Func == "ParseBool":
		return errors.New("it is neither true nor false")
	case errors.Is(number.Err, strconv.ErrSyntax) && number.Func != "ParseFloat":
		return errors.New("it is not a whole number")
	case errors.Is(number.Err, strconv.ErrSyntax):
		return errors.New("it is not a number")
	}
	return number.Err
}

func nearestFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return suggest.Nearest(name, names)
}

// newFile marks a flag that names a file to create.
const newFile = "msgctl_new_file"

// MarkNewFile records that a flag names a file to create. CheckNewFiles checks it.
func MarkNewFile(cmd *cobra.Command, flag string) {
	_ = cmd.Flags().SetAnnotation(flag, newFile, nil)
}

// NamesNewFile reports whether MarkNewFile was called for a flag.
func NamesNewFile(f *pflag.Flag) bool {
	_, ok := f.Annotations[newFile]
	return ok
}

// CheckNewFiles refuses files that cannot be created because their directory does not exist, before
// anything is read or sent.
func CheckNewFiles(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !NamesNewFile(f) || err != nil {
			return
		}
		dir := filepath.Dir(f.Value.String())
		if info, statErr := os.Stat(dir); errors.Is(statErr, fs.ErrNotExist) || statErr == nil && !info.IsDir() {
			err = UsageError("mkdir -p "+shell.Quote(dir), "%sflag --%s: there is no directory %s", Where(cmd), f.Name, dir)
		}
	})
	return err
}

// CountTrue returns how many conditions hold, for flags that exclude each other.
func CountTrue(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// The groups in which --help lists commands.
const (
	GroupTopology    = "topology"
	GroupEvents      = "events"
	GroupDeadLetters = "dead letters"
	GroupWatching    = "watching"
	GroupSettings    = "settings"
)

// NewGroupCmd returns a command that only has subcommands.
func NewGroupCmd(name, short, long string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: HelpOrUnknown}
	cmd.AddCommand(sub...)
	return cmd
}

// HelpOrUnknown shows the help of a command group, or the error about an unknown subcommand.
func HelpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return UnknownCommand(cmd, args[0])
}

// UnknownCommand returns a usage error that suggests the nearest commands.
func UnknownCommand(parent *cobra.Command, name string) error {
	hint := "see: " + parent.CommandPath() + " --help"
	if known := oftenTyped(parent, name); known != "" {
		hint = known
	} else if near := parent.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean: " + parent.CommandPath() + " " + strings.Join(near, ", or "+parent.CommandPath()+" ")
	}
	return UsageError(hint, "unknown command %q", parent.CommandPath()+" "+name)
}
