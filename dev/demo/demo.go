// Package demo shows msgctl to someone who has never seen it: `go run ./dev demo`.
//
// It finds or starts a RabbitMQ (see package node), builds msgctl into a temporary directory and
// creates a vhost of its own. Then it runs the steps of steps.go and prints each command with its
// real output. It fails if a step ends with an unexpected status. It removes everything it created,
// even after Ctrl-C.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// Run runs the demo, writes to out, and removes everything that the demo created before it returns.
// If ctx ends, it stops the demo, cleans up all the same, and returns an error.
func Run(ctx context.Context, out *os.File) error {
	err := run(ctx, newNarrator(out))
	if ctx.Err() != nil {
		return errors.New("interrupted; what it had made is removed")
	}
	return err
}

func run(ctx context.Context, n *narrator) (err error) {
	dir, err := os.MkdirTemp("", "msgctl-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	n.say("msgctl keeps the queues, exchanges and bindings of a RabbitMQ in a file. This demo takes about a minute, " +
		"uses a real broker, and leaves nothing behind.")
	// Find the broker before the build, so that an error about a missing RabbitMQ appears early.
	broker, err := node.Find(ctx, node.Options{Note: n})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(n, broker)) }()
	n.note("using RabbitMQ %s: %s", broker.Version, broker.How)
	n.note("building msgctl")
	program := filepath.Join(dir, "msgctl")
	if err := build(ctx, program); err != nil {
		return err
	}
	return onVHost(ctx, n, broker, vhostName, func(url string) error {
		return runSteps(ctx, n, player{program: program, env: environment(dir, url, broker.API), api: broker.API})
	})
}

func build(ctx context.Context, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program, "github.com/msgctl/msgctl")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build msgctl: %w", err)
	}
	return nil
}

func leave(n *narrator, broker *node.Node) error {
	if broker.Private {
		n.note("stopping the private RabbitMQ and removing its files")
	}
	return broker.Close()
}

// onVHost creates a vhost, calls f with its AMQP URL, and deletes it afterwards in every case.
func onVHost(ctx context.Context, n *narrator, broker *node.Node, name string,
	f func(url string) error) (err error) {
	v, err := newVHost(ctx, broker, name)
	if err != nil {
		return err
	}
	n.note("working in a vhost of the demo's own, %s", v.name)
	defer func() {
		// ctx has ended after Ctrl-C, but the vhost must still be deleted.
		err = errors.Join(err, v.remove(context.WithoutCancel(ctx)))
	}()
	return f(v.url)
}

// environment returns the caller's environment without the settings that would lead msgctl to
// another broker or context, and with those of the demo.
func environment(dir, url, api string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MSGCTL_") && !strings.HasPrefix(kv, "RABBITMQ_") &&
			!strings.HasPrefix(kv, "XDG_CONFIG_HOME=") {
			env = append(env, kv)
		}
	}
	return append(env, "MSGCTL_URL="+url, "MSGCTL_API="+api, "RABBITMQ_VHOST="+vhostName,
		"XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
}
