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

// oftenTyped says what to type instead of a command that other tools have, "" when nothing is known.
func oftenTyped(parent *cobra.Command, name string) string {
	if parent.HasParent() {
		if parent.Name() != "dlq" {
			return ""
		}
		return map[string]string{
			"retry": "did you mean: msgctl dlq replay", "requeue": "did you mean: msgctl dlq replay",
			"redrive": "did you mean: msgctl dlq replay", "show": "did you mean: msgctl dlq inspect",
			"peek": "did you mean: msgctl dlq inspect", "get": "did you mean: msgctl dlq inspect",
			"archive": "did you mean: msgctl dlq export", "delete": "did you mean: msgctl dlq purge",
		}[name]
	}
	const (
		objects = "a topology file declares objects: see msgctl plan --help and msgctl apply --help; msgctl export writes " +
			"those of a broker"
		messages = "the messages of a queue: msgctl dlq inspect QUEUE, without taking them, or msgctl consume QUEUE --print"
	)
	return map[string]string{
		"list": objects, "queues": objects, "queue": objects, "exchange": objects, "exchanges": objects,
		"bindings": objects, "binding": objects, "declare": objects, "create": objects, "delete": objects, "policy": objects,
		"user": objects, "users": objects, "vhost": objects, "vhosts": objects,
		"get": messages, "peek": messages, "inspect": "did you mean: msgctl dlq inspect",
		"check": "did you mean: msgctl validate, msgctl lint, or msgctl doctor",
		"diff":  "did you mean: msgctl plan", "drift": "did you mean: msgctl plan",
		"deploy": "did you mean: msgctl apply", "up": "did you mean: msgctl apply", "sync": "did you mean: msgctl apply",
		"import": "a topology or definitions file is applied: msgctl apply -f FILE; archived messages go back with: " +
			"msgctl dlq import",
		"down": "did you mean: msgctl destroy", "teardown": "did you mean: msgctl destroy",
		"replay": "did you mean: msgctl dlq replay", "retry": "did you mean: msgctl dlq replay",
		"purge": "did you mean: msgctl dlq purge", "move": "did you mean: msgctl dlq move",
		"shovel": "did you mean: msgctl dlq move", "dlx": "did you mean: msgctl dlq",
		"send": "did you mean: msgctl publish", "subscribe": "did you mean: msgctl tail, or msgctl consume",
		"sub": "did you mean: msgctl tail, or msgctl consume", "tap": "did you mean: msgctl tail",
		"watch": "did you mean: msgctl tail", "listen": "did you mean: msgctl tail, or msgctl consume",
		"ping": "did you mean: msgctl status", "health": "did you mean: msgctl status, or msgctl doctor",
		"login": "did you mean: msgctl context add", "config": "did you mean: msgctl context",
		"init": "msgctl export > topology.yaml writes the topology of a broker", "draw": "did you mean: msgctl graph",
	}[name]
}
