// Command demo shows msgctl at work, for someone who has never seen it: `make demo`.
//
// It builds msgctl into a temporary directory, finds or starts a RabbitMQ (see package node),
// creates a vhost of its own there, runs the steps of steps.go and prints each command with its
// real output. It fails if a step does not end as it should, and removes everything again, also
// after Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

func main() {
	// SIGPIPE too: `make demo | head` must not leave anything behind either.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	err := run(ctx, newNarrator(os.Stdout))
	if ctx.Err() != nil {
		err = errors.New("interrupted; what it had made is removed")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n *narrator) (err error) {
	dir, err := os.MkdirTemp("", "msgctl-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	n.say("msgctl keeps the queues, exchanges and bindings of a RabbitMQ in a file. This demo takes about a minute, " +
		"uses a real broker, and leaves nothing behind.")
	n.note("building msgctl")
	program := filepath.Join(dir, "msgctl")
	if err := build(ctx, program); err != nil {
		return err
	}
	broker, err := node.Find(ctx, node.Options{Note: n})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(n, broker)) }()
	n.note("using RabbitMQ %s: %s", broker.Version, broker.How)
	return onVHost(ctx, n, broker, func(url string) error {
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

// onVHost runs f with the AMQP address of a new vhost, which is deleted afterwards, whatever
// happened.
func onVHost(ctx context.Context, n *narrator, broker *node.Node, f func(url string) error) (err error) {
	v, err := newVHost(ctx, broker)
	if err != nil {
		return err
	}
	n.note("working in a vhost of the demo's own, %s", v.name)
	defer func() {
		// After Ctrl-C ctx is over, but the vhost must go all the same.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, v.remove(clean))
	}()
	return f(v.url)
}

// environment is the caller's without any setting that would lead msgctl to another broker or
// context.
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
