package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Find returns a broker to work with. It uses the first of these that is available:
//
//  1. the running broker that MSGCTL_URL (and MSGCTL_API) names, which it never stops;
//  2. a private node of the rabbitmq-server on this machine;
//  3. a private container, if a Docker engine responds;
//  4. a private node of the distribution's package, which Find installs with apt-get, as root or
//     with sudo without a password.
//
// If MSGCTL_URL is set, Find tries no other broker. If none of the four is available, the error
// names all of them and says what to do.
func Find(ctx context.Context, o Options) (*Node, error) {
	if raw := os.Getenv("MSGCTL_URL"); raw != "" {
		return given(ctx, raw, os.Getenv("MSGCTL_API"))
	}
	if _, err := findInstallation(o.Root); err == nil {
		return Start(ctx, o)
	}
	if dockerAnswers(ctx) {
		return startContainer(ctx, o)
	}
	if err := installPackage(ctx, o); err != nil {
		return nil, fmt.Errorf("there is no RabbitMQ to work with: MSGCTL_URL is not set, there is no rabbitmq-server in "+
			"the "+
			"PATH, no Docker engine answers, and the package could not be installed (%w)\n"+
			"Do one of these:\n"+
			"  install the package rabbitmq-server: sudo apt-get install rabbitmq-server (macOS: brew install rabbitmq)\n"+
			"  start Docker\n"+
			"  name a running broker: export MSGCTL_URL=amqp://USER:PASSWORD@HOST:5672/", err)
	}
	return Start(ctx, o)
}

// given returns the broker that the environment names, after checking that it responds within ten
// seconds.
func given(ctx context.Context, raw, api string) (*Node, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "amqp" && u.Scheme != "amqps") || u.Hostname() == "" {
		return nil, errors.New("read MSGCTL_URL: it must look like amqp://USER:PASSWORD@HOST:5672/")
	}
	if u.User == nil {
		u.User = url.UserPassword("guest", "guest")
	}
	if api, err = apiFor(u, api); err != nil {
		return nil, err
	}
	n := &Node{URL: u.String(), API: api, How: "the broker named by MSGCTL_URL", host: foreign{}}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return n, n.Wait(ctx)
}

// apiFor returns the base URL of the management API by the same rule as msgctl: api if it is given.
// Otherwise it has the host and user of the AMQP URL, and port 15672, or 15671 with TLS.
func apiFor(u *url.URL, api string) (string, error) {
	if api == "" {
		scheme, port := "http", "15672"
		if u.Scheme == "amqps" {
			scheme, port = "https", "15671"
		}
		return (&url.URL{Scheme: scheme, User: u.User, Host: u.Hostname() + ":" + port}).String(), nil
	}
	a, err := url.Parse(api)
	if err != nil || (a.Scheme != "http" && a.Scheme != "https") {
		return "", errors.New("read MSGCTL_API: it must look like http://HOST:15672")
	}
	if a.User == nil {
		a.User = u.User
	}
	return strings.TrimSuffix(a.String(), "/"), nil
}

// installScript installs the package without starting its service. Only the program is needed: a
// running service would leave a broker on the default port.
const installScript = `set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends rabbitmq-server`

// errNotAllowed means that the current user cannot install the package.
var errNotAllowed = errors.New("this user may not install packages: neither root, nor sudo without a password")

func installPackage(ctx context.Context, o Options) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("there is no apt-get here")
	}
	args := []string{"sh", "-c", installScript}
	if os.Geteuid() != 0 {
		if exec.CommandContext(ctx, "sudo", "-n", "true").Run() != nil {
			return errNotAllowed
		}
		args = append([]string{"sudo", "-n"}, args...)
	}
	o.note("installing the package rabbitmq-server with apt-get (it stays installed; its service is not started)")
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get install rabbitmq-server: %w: %s", err, lastLine(out))
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
