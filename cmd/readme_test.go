package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestTour types the tour of README.md as it is printed, in a fresh directory and a fresh vhost.
func TestTour(t *testing.T) {
	t.Parallel()
	text := documentation(t, "README.md")
	_, text, begun := strings.Cut(text, "<!-- tour -->")
	text, _, ended := strings.Cut(text, "<!-- end of the tour -->")
	if !begun || !ended {
		t.Fatal("README.md has no tour")
	}
	typeAll(t, text, 25)
}

// TestRecipes types every command of docs/recipes.md.
func TestRecipes(t *testing.T) {
	t.Parallel()
	typeAll(t, documentation(t, "docs/recipes.md"), 25)
}

func documentation(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cmdtest.Repository(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// typeAll types the commands of a text, of which there are at least a few, on each line.
func typeAll(t *testing.T, text string, few int) {
	t.Helper()
	list := typedCommands(text)
	if len(list) < few {
		t.Fatalf("%d commands, want at least %d", len(list), few)
	}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		p := cmdtest.NewProgram(t, v.URL, v.API)
		dir := filepath.Join(t.TempDir(), "tour")
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(cmdtest.Repository(t), "examples", "tour"))); err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			c.run(t, p, dir)
		}
	})
}

// typedCommand is one command of a block, with what the text says of it.
type typedCommand struct {
	line   string
	codes  [2]int // the first and the last exit code that the text allows
	or     bool   // the two codes, and none between them
	output string // "" where the text prints none
}

var (
	fencedBlock = regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$")
	statedCode  = regexp.MustCompile(`# .*\bexit code (\d)(?:( to |, or )(\d))?`)
)

// typedCommands returns the commands of the blocks sh, one a line, and console, behind a prompt.
func typedCommands(text string) (list []typedCommand) {
	for _, block := range fencedBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[2]) {
			command, prompt := strings.CutPrefix(line, "$ ")
			switch {
			case block[1] == "console" && !prompt:
				list[len(list)-1].output += line
			case strings.TrimSpace(line) != "":
				list = append(list, typed(strings.TrimSuffix(command, "\n")))
			}
		}
	}
	return list
}

func typed(line string) typedCommand {
	c := typedCommand{line: line}
	if m := statedCode.FindStringSubmatch(line); m != nil {
		c.codes[0], _ = strconv.Atoi(m[1])
		c.codes[1], c.or = c.codes[0], m[2] == ", or "
		if m[3] != "" {
			c.codes[1], _ = strconv.Atoi(m[3])
		}
	}
	return c
}

func (c typedCommand) run(t *testing.T, p *cmdtest.Program, dir string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", patient(c.line))
	var all bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, p.Env, &all, &all
	var status *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &status) || ctx.Err() != nil) {
		t.Fatalf("%s: %v\n%s", c.line, err, all.String())
	}
	if !c.allows(cmd.ProcessState.ExitCode()) {
		t.Errorf("%s: exit code %d\n%s", c.line, cmd.ProcessState.ExitCode(), all.String())
	}
	if c.output != "" && !printed(c.output).MatchString(all.String()) {
		t.Errorf("%s prints\n%s\nand the text says\n%s", c.line, all.String(), c.output)
	}
}

// patient lets a consumer wait longer than a reader would: a broker that many tests share can be
// silent for some seconds in the middle of its work.
func patient(line string) string {
	return strings.ReplaceAll(line, "--idle-timeout 5s", "--idle-timeout 15s")
}

func (c typedCommand) allows(code int) bool {
	if c.or {
		return code == c.codes[0] || code == c.codes[1]
	}
	return c.codes[0] <= code && code <= c.codes[1]
}

// printed makes a pattern of an output in which … stands for what differs from time to time, and a
// line with nothing else for any lines.
func printed(text string) *regexp.Regexp {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line == "…\n" {
			b.WriteString("(?s:.*\n)?")
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
	}
	return regexp.MustCompile("^" + b.String() + "$")
}
