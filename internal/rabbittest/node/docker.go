//go:build unix

package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// image is the image of private containers: the newest RabbitMQ line that msgctl supports, with the
// management plugin.
const image = "rabbitmq:4-management"

// dockerAnswers reports whether a Docker engine responds. `docker info` fails if only the client is
// installed.
func dockerAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "info").Run() == nil
}

// container is a node in a Docker container, with its ports published on 127.0.0.1.
type container struct {
	name  string
	dir   string
	ports ports
	guard *guard
}

func startContainer(ctx context.Context, o Options) (*Node, error) {
	p, err := takePorts()
	if err != nil {
		return nil, wrap("start container", err)
	}
	c := &container{name: "msgctl-node-" + strings.ToLower(rand.Text()[:10]), ports: p}
	if c.dir, err = containerFiles(o); err != nil {
		p.release()
		return nil, wrap("start container", err)
	}
	n := &Node{
		URL: o.address("amqp", p.addr(p.amqp)), API: o.address("http", p.addr(p.api)),
		Private: true, How: "a container of " + image, host: c,
	}
	o.note("starting a private container of %s", image)
	c.guard, err = newGuard(`docker rm -f -v "$1" >/dev/null 2>&1; rm -rf -- "$2"`, c.name, c.dir)
	if err == nil {
		_, err = docker(ctx, c.createArgs()...)
	}
	if err == nil {
		err = c.boot(ctx)
	}
	if err == nil {
		err = n.Wait(ctx)
	}
	if err != nil {
		return nil, errors.Join(wrap("start container", err), n.Close())
	}
	return n, nil
}

// containerFiles writes the configuration that the container mounts, and returns its directory. The
// image runs as its own user, so all users must be able to read the files. They contain no secret.
func containerFiles(o Options) (string, error) {
	dir, err := os.MkdirTemp("", "msgctl-node-")
	if err != nil {
		return "", err
	}
	config := "loopback_users = none\n" + strings.Join(o.Config, "\n") + "\n"
	if o.Definitions != "" {
		config += "load_definitions = /etc/rabbitmq/definitions.json\n"
	}
	files := map[string]string{
		"msgctl.conf":      config,
		"definitions.json": o.Definitions,
		"enabled_plugins":  "[" + strings.Join(o.plugins(), ",") + "].\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// createArgs returns the arguments of `docker create`. It sets the hostname because RabbitMQ names
// its data directory after it, and a restart must find the same directory.
func (c *container) createArgs() []string {
	p := c.ports
	return []string{
		"create", "--name", c.name, "--hostname", "msgctl",
		"-p", p.addr(p.amqp) + ":5672", "-p", p.addr(p.api) + ":15672",
		"-v", c.dir + "/msgctl.conf:/etc/rabbitmq/conf.d/90-msgctl.conf:ro",
		"-v", c.dir + "/enabled_plugins:/etc/rabbitmq/enabled_plugins:ro",
		"-v", c.dir + "/definitions.json:/etc/rabbitmq/definitions.json:ro",
		image,
	}
}

func (c *container) boot(ctx context.Context) error {
	_, err := docker(ctx, "start", c.name)
	return err
}

func (c *container) alive() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	state, err := docker(ctx, "inspect", "-f", "{{.State.Running}}", c.name)
	if err != nil {
		return err
	}
	if strings.TrimSpace(state) != "true" {
		logs, _ := docker(ctx, "logs", "--tail", "20", c.name)
		return fmt.Errorf("the container ended: %s", logs)
	}
	return nil
}

func (c *container) stop(ctx context.Context) error {
	_, err := docker(ctx, "stop", "-t", "60", c.name)
	return err
}

func (c *container) kill() error {
	_, err := docker(context.Background(), "kill", c.name)
	return err
}

func (c *container) signal(freeze bool) error {
	verb := "unpause"
	if freeze {
		verb = "pause"
	}
	_, err := docker(context.Background(), verb, c.name)
	return err
}

func (c *container) ctl(ctx context.Context, args ...string) (string, error) {
	return docker(ctx, append([]string{"exec", c.name, "rabbitmqctl", "-q"}, args...)...)
}

func (c *container) eval(ctx context.Context, code string) (string, error) {
	return c.ctl(ctx, "eval", code)
}

func (c *container) close() error {
	if c.dir == "" {
		return nil
	}
	_, err := docker(context.Background(), "rm", "-f", "-v", c.name)
	c.guard.release()
	c.ports.release()
	err = errors.Join(err, os.RemoveAll(c.dir))
	c.dir, c.guard = "", nil
	return err
}

func docker(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
