package cmdutil

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/shell"
)

// extraHint suggests the flag that a surplus argument was probably meant for. given are all
// arguments, of which known have a name.
func extraHint(cmd *cobra.Command, given []string, known int) string {
	has := func(flag string) bool { return cmd.Flags().Lookup(flag) != nil }
	extra, rest := given[known], given[known:]
	path := cmd.CommandPath()
	with := func(flag, value string) string {
		return strings.Join(append(append([]string{path}, quoted(given[:known])...), flag, value), " ")
	}
	switch {
	case isTopologyFile(extra) && has("file"):
		return "files are given with -f: " + with("-f", shell.Quote(extra))
	case has("exec") && has("http") && strings.Contains(extra, "://"):
		return "a URL to post to is given with --http: " + with("--http", shell.Quote(extra))
	case has("exec"):
		return "a handler is given with --exec: " + with("--exec", shell.Quote(strings.Join(rest, " ")))
	case has("data") && (strings.HasPrefix(extra, "@") || filepath.Ext(extra) == ".json"):
		return "the payload is given with --data: " + with("--data", shell.Quote("@"+strings.TrimPrefix(extra, "@")))
	case has("data"):
		return "the payload is given with --data: " + with("--data", shell.Quote(extra))
	case has("exchange") && has("key") && known == 1:
		return "an exchange and a key are given with flags: " + path + " --exchange " + shell.Quote(given[0]) +
			" --key " + shell.Quote(extra)
	case cmd.Name() != "replay" && has("to"):
		return "the target is given with --to: " + with("--to", shell.Quote("queue:"+strings.TrimPrefix(extra, "queue:")))
	case has("archive"):
		return "an archive is given with --archive: " + with("--archive", shell.Quote(extra))
	case has("url") && strings.Contains(extra, "://"):
		return "a broker's address is given with --url: " + with("--url", "amqp://USER@HOST:5672/VHOST")
	}
	return "usage: " + cmd.UseLine()
}

// isTopologyFile reports whether an argument looks like the name of a topology file. A name without
// an extension counts if it is a directory.
func isTopologyFile(name string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(name))) ||
		strings.HasSuffix(name, "/") && !strings.Contains(name, "://")
}

func quoted(args []string) []string {
	list := make([]string, len(args))
	for i, arg := range args {
		list[i] = shell.Quote(arg)
	}
	return list
}
