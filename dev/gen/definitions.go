package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// writeDefinitions makes definitions.json: it applies the example and deploy/local.yaml to a
// private broker and lets msgctl export what is then there.
func writeDefinitions(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	text, err := exportDefinitions(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "definitions.json"), text, 0o644)
}

func exportDefinitions(ctx context.Context) (text []byte, err error) {
	dir, err := os.MkdirTemp("", "msgctl-definitions-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "msgctl")
	if err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program,
		"github.com/msgctl/msgctl").Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	n, err := privateNode(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return applyAndExport(ctx, n, player{program: program, dir: dir})
}

// privateNode never takes the broker of MSGCTL_URL: the vhost / is worked in, and a user deleted.
func privateNode(ctx context.Context) (*node.Node, error) {
	if err := errors.Join(os.Unsetenv("MSGCTL_URL"), os.Unsetenv("MSGCTL_API")); err != nil {
		return nil, err
	}
	return node.Find(ctx, node.Options{Note: os.Stderr})
}

func applyAndExport(ctx context.Context, n *node.Node, p player) ([]byte, error) {
	guest := []string{"MSGCTL_URL=" + n.URL, "MSGCTL_API=" + n.API}
	if _, err := p.run(ctx, guest, "apply", "-f", "examples/topology.yaml", "-f", "deploy/local.yaml",
		"--yes"); err != nil {
		return nil, err
	}
	// The broker's own first user has a different salt in each node, and nobody should start with
	// it.
	if _, err := n.Ctl(ctx, "delete_user", "guest"); err != nil {
		return nil, err
	}
	var msgctl []string
	for _, kv := range guest {
		msgctl = append(msgctl, strings.Replace(kv, "guest:guest@", "msgctl:msgctl@", 1))
	}
	return p.run(ctx, msgctl, "export", "--users", "-o", "definitions")
}

type player struct{ program, dir string }

func (p player) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.program, args...)
	cmd.Env = slices.Concat(os.Environ(), env, []string{"RABBITMQ_VHOST=/", "XDG_CONFIG_HOME=" + p.dir + "/config"})
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("msgctl %s: %w\n%s", args[0], err, out)
	}
	return out, nil
}
