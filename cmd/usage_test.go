package cmd

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// TestShorthandFlags: a flag's letter means one thing. -o chooses the form of the output, and every
// command that has one offers JSON; -f names topology files; -n is the number of messages.
func TestShorthandFlags(t *testing.T) {
	means := map[string]string{}
	eachCommand(Reference(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Shorthand == "" {
				return
			}
			if other, ok := means[f.Shorthand]; ok && other != f.Name {
				t.Errorf("%s: -%s is --%s, elsewhere --%s", c.CommandPath(), f.Shorthand, f.Name, other)
			}
			means[f.Shorthand] = f.Name
		})
		for _, name := range []string{"output", "file", "limit"} {
			if f := c.Flags().Lookup(name); f != nil && f.Shorthand != name[:1] && !(name == "limit" && f.Shorthand == "n") {
				t.Errorf("%s: --%s has the letter %q", c.CommandPath(), name, f.Shorthand)
			}
		}
		if f := c.Flags().Lookup("output"); f != nil && !strings.Contains(f.Usage, "json") {
			t.Errorf("%s: --output offers no json: %s", c.CommandPath(), f.Usage)
		}
	})
	for letter, name := range map[string]string{"o": "output", "f": "file", "n": "limit"} {
		if means[letter] != name {
			t.Errorf("-%s is --%s, not --%s", letter, means[letter], name)
		}
	}
}

// TestWrongUsage: an argument too many, a missing one, an unknown flag, and flags that exclude each
// other are exit code 64 in every command.
func TestWrongUsage(t *testing.T) {
	dir := usageDir(t)
	wrong := func(args ...string) {
		if code, stderr := codeOf(t, dir, args); code != cmdutil.ExitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, stderr)
		}
	}
	eachCommand(Reference(), func(c *cobra.Command) {
		_, path, _ := strings.Cut(c.CommandPath(), " ")
		line := strings.Fields(path)
		with := append(line, strings.Fields(arguments()[path])...)
		wrong(append(line, "--no-such-flag")...)
		if !c.Runnable() { // a topic of help is shown, whatever follows
			return
		}
		if !strings.Contains(c.Use, "...") {
			wrong(append(with, "one", "too", "many", "arguments")...)
		}
		if required, _, _ := strings.Cut(c.Use, "["); strings.Contains(strings.TrimSpace(required), " ") {
			wrong(line...)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
				names := strings.Fields(group)
				for i, a := range names {
					for _, b := range names[i+1:] {
						wrong(append(with, flagWithValue(c, a), flagWithValue(c, b))...)
					}
				}
			}
		})
	})
}

// TestMessagesStayAsTheyAre: what shows messages or definitions does not mask secrets in them.
func TestMessagesStayAsTheyAre(t *testing.T) {
	for line, want := range map[string]bool{"consume": true, "tail": true, "publish": true, "export": true,
		"dlq export": true, "dlq inspect": true, "plan": false, "status": false, "context show": false} {
		c, _, err := Reference().Find(strings.Fields(line))
		if err != nil || showsMessages(c) != want {
			t.Errorf("%s: want %v: %v", line, want, err)
		}
	}
}

// flagWithValue writes a flag with a value that it takes.
func flagWithValue(c *cobra.Command, name string) string {
	f := c.Flags().Lookup(name)
	if f.Value.Type() == "bool" {
		return "--" + name
	}
	if f.DefValue != "" && f.DefValue != "[]" {
		return "--" + name + "=" + f.DefValue
	}
	return "--" + name + "=v"
}

// TestWrongFilesAndNames: what a command line names and does not exist is wrong usage, before
// anything is sent or asked.
func TestWrongFilesAndNames(t *testing.T) {
	dir := usageDir(t)
	for _, line := range []string{
		"validate -f none.yaml", "lint -f none.yaml", "route -f none.yaml --exchange x --key k", "test -f none.yaml",
		"graph -f none.yaml", "plan -f none.yaml", "apply -f none.yaml", "destroy -f none.yaml --yes",
		"lint --config none.yaml", "alerts -f none.yaml",
		"events ls -f none.yaml", "events show none", "events show e -f none.yaml", "events sample none",
		"events validate none.ndjson", "events validate a.ndjson --type none", "events validate a.ndjson -f none.yaml",
		"events diff none.yaml topology.yaml", "events diff topology.yaml none.yaml",
		"events diff none.schema.json a.schema.json", "events diff a.schema.json none.schema.json",
		"publish none", "publish e --data @none.json", "publish e --ndjson none.ndjson", "publish e -f none.yaml",
		"publish e --ndjson none.ndjson --dry-run", "publish --archive none.ndjson",
		"publish e --ndjson a.ndjson --report none/report.ndjson", "publish e --data 1 --count 3 --report none/report.ndjson",
		"publish e --ndjson a.ndjson --resume", "publish e --ndjson a.ndjson --journal none/journal",
		"publish e --data 1 --on-error sometimes", "publish e --format morse --data 1", "publish e --header x --data 1",
		"tail -f none.yaml", "tail --exchange x --save none/a.ndjson", "tail --exchange x --where 1+",
		"tail --exchange x --jq 1+|",
		"consume q --handlers none.yaml", "consume q --print -f none.yaml", "consume q --print --discard", "consume q",
		"dlq export q --archive none/a.ndjson", "dlq import none.ndjson", "dlq inspect q --where 1+",
		"dlq inspect q --jq 1+|",
		"dlq replay q --where 1+", "dlq purge q --where 1+ --yes", "dlq move q", "dlq move q --to nothing:x",
		"dlq purge q --archive none/a.ndjson --yes",
		"status --password-file none", "status --url amqps://localhost:1 --tls-ca none.pem", "status --context none",
		"status --url http://x",
		"context use none", "context show none",
		"exporter --config none.yaml", "help none", "completion none",
	} {
		if code, stderr := codeOf(t, dir, strings.Fields(line)); code != cmdutil.ExitUsage {
			t.Errorf("msgctl %s: exit code %d: %s", line, code, stderr)
		}
	}
}

// usageDir is a working directory with files that are right.
func usageDir(t *testing.T) string {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{
		"topology.yaml": "version: 1\nname: n\nexchanges: { x: {} }\nqueues: { q: { bindings: [{ exchange: x }] } }\n" +
			"events: { e: { exchange: x } }\ntests: [{ name: t, publish: { event: e }, expect: [] }]\n",
		"config.yaml": "contexts: { other: { url: 'amqp://localhost:2' } }\n", "password": "p\n", "a.ndjson": "",
		"a.schema.json": "{}",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestNoJournalOfARunThatCannotBegin: the same command works as soon as what it needs is there.
func TestNoJournalOfARunThatCannotBegin(t *testing.T) {
	dir := usageDir(t)
	if err := os.WriteFile("lines", []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, more := range map[string]string{"open the report": "--report=" + dir, "no broker here": "--rate=1"} {
		code, stderr := codeOf(t, dir, []string{"publish", "--exchange=x", "--key=k", "--ndjson=lines", more})
		if code != cmdutil.ExitFailed || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit code %d: %s", more, code, stderr)
		}
		if _, err := os.Stat("lines.journal"); err == nil {
			t.Errorf("%s: a journal is left", more)
		}
	}
}

// TestHelpFitsTheTerminal: help texts are written for 80 columns. A word that is longer stands alone.
func TestHelpFitsTheTerminal(t *testing.T) {
	seen := 0
	eachCommand(Reference(), func(c *cobra.Command) {
		if c.HasParent() && c.Parent().Name() == "completion" {
			return // cobra's own
		}
		seen++
		for line := range strings.Lines(c.Long) {
			line = strings.TrimSuffix(line, "\n")
			if utf8.RuneCountInString(line) > 80 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s: %s", c.CommandPath(), line)
			}
		}
	})
	if seen < 30 {
		t.Errorf("%d commands", seen)
	}
}
