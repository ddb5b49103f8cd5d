// Command definitions makes deploy/definitions.json: it applies the example and deploy/local.yaml
// to a private broker and lets msgctl export what is then there. `make generate` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

func main() {
	out := flag.String("o", "deploy/definitions.json", "the file to write")
	root := flag.String("root", "", "directory of another Debian whose RabbitMQ to use")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := generate(ctx, *out, *root)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "definitions:", err)
		os.Exit(1)
	}
}

func generate(ctx context.Context, out, root string) (err error) {
	dir, err := os.MkdirTemp("", "msgctl-definitions-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "msgctl")
	if err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program,
		"github.com/msgctl/msgctl").Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	n, err := privateNode(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	text, err := applyAndExport(ctx, n, player{program: program, dir: dir})
	if err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

// privateNode never takes the broker of MSGCTL_URL: the vhost / is worked in, and a user deleted.
func privateNode(ctx context.Context, root string) (*node.Node, error) {
	if err := errors.Join(os.Unsetenv("MSGCTL_URL"), os.Unsetenv("MSGCTL_API")); err != nil {
		return nil, err
	}
	return node.Find(ctx, node.Options{Root: root, Note: os.Stderr})
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
	return p.run(ctx, msgctl, "export", "--users", "--format", "definitions")
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
