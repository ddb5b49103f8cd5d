package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/redact"
)

// Command is a program that prints a password: either one string for the shell, or the program and
// its arguments.
type Command []string

// UnmarshalYAML takes a string (run by sh -c, on Windows cmd /C) or a list of strings (run as it
// is).
func (c *Command) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*c = Command{n.Value}
		return nil
	}
	return n.Decode((*[]string)(c))
}

// MarshalYAML writes one string for one, else a list.
func (c Command) MarshalYAML() (any, error) {
	if len(c) == 1 {
		return c[0], nil
	}
	return []string(c), nil
}

func (c Command) prepare(ctx context.Context) *exec.Cmd {
	switch {
	case len(c) > 1:
		return exec.CommandContext(ctx, c[0], c[1:]...) //nolint:gosec // the user's own context file
	case runtime.GOOS == "windows":
		return exec.CommandContext(ctx, "cmd", "/C", c[0]) //nolint:gosec // as above
	}
	return exec.CommandContext(ctx, "sh", "-c", c[0]) //nolint:gosec // as above
}

// passwordSource is where the password will come from when it is needed. The zero value knows none.
type passwordSource struct {
	secret  *Secret
	file    string
	command Command
	// untrusted is why command is not run.
	untrusted *Error
	from      string
	cache     *passwordCache
}

type passwordCache struct {
	mu     sync.Mutex
	known  bool
	secret Secret
}

func (p passwordSource) read(ctx context.Context, user string) (Secret, error) {
	if p.cache == nil {
		return p.fetch(ctx, user)
	}
	p.cache.mu.Lock()
	defer p.cache.mu.Unlock()
	if p.cache.known {
		return p.cache.secret, nil
	}
	secret, err := p.fetch(ctx, user)
	p.cache.known, p.cache.secret = err == nil, secret
	return secret, err
}

func (p passwordSource) fetch(ctx context.Context, user string) (Secret, error) {
	switch {
	case p.secret != nil:
		return *p.secret, nil
	case p.file != "":
		return p.readFile(ctx)
	case len(p.command) > 0:
		return p.run(ctx)
	}
	return Secret{}, problem("set MSGCTL_PASSWORD, give --password-file FILE, or put passwordCommand into the context",
		"no password is known for user %q", user)
}

func (p passwordSource) readFile(ctx context.Context) (Secret, error) {
	b, err := readFile(ctx, p.file)
	if err != nil {
		return Secret{}, cannotRead(ctx, p.from, "password", err)
	}
	return p.firstLine(b, p.file)
}

// run gives the command the caller's terminal for questions through /dev/tty only; what it writes
// to stderr is shown when it fails.
func (p passwordSource) run(ctx context.Context) (Secret, error) {
	if p.untrusted != nil {
		return Secret{}, p.untrusted.in(p.from)
	}
	cmd := p.command.prepare(ctx)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &complaint, time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return Secret{}, fmt.Errorf("%s: run the password command: %w", p.from, ctx.Err())
		}
		text := strings.TrimSpace(redact.Text(complaint.String()))
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			text = err.Error()
		}
		return Secret{}, problem(text, "the password command failed: %v", err).in(p.from)
	}
	return p.firstLine(out.Bytes(), "the password command's output")
}

// firstLine takes the first line, as pass and other managers print the password there and notes
// below.
func (p passwordSource) firstLine(b []byte, what string) (Secret, error) {
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return Secret{}, problem("the password must be on the first line", "%s is empty", what).in(p.from)
	}
	return NewSecret(line), nil
}

// untrusted says why the commands in the context file are not run: somebody else may have written
// them. It is nil on Windows, where mode bits say nothing.
func (f *File) untrusted() *Error {
	if runtime.GOOS == "windows" {
		return nil
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil //nolint:nilerr // it was read a moment ago; what cannot be looked at any more cannot be written either
	}
	if info.Mode().Perm()&0o022 != 0 {
		return problem("chmod go-w "+f.Path, "its passwordCommand is not run: other users can write the context file %s",
			f.Path)
	}
	if owner, known := ownerOf(info); known && owner != os.Geteuid() && owner != 0 {
		return problem("copy the file, so that it is yours, and look at its commands",
			"its passwordCommand is not run: the context file %s belongs to another user (uid %d)", f.Path, owner)
	}
	return nil
}
