// Package node finds or starts a private RabbitMQ node for the tests and the demo.
//
// A private node listens only on free ports of 127.0.0.1. It has its own epmd, cookie, node name
// and temporary directory, and does not read the RabbitMQ configuration of the machine. Close
// removes all of it. If the process that started the node dies, even by Ctrl-C or kill -9, a small
// guard process kills the node and removes its directory.
//
// The package does not depend on package testing. Tests use package rabbittest.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrNotOurs is returned by methods that would stop or control a broker that this package did not
// start.
var ErrNotOurs = errors.New("this broker was given by MSGCTL_URL, not started here: it is left alone")

// Options configure how a node is started. The zero value means the RabbitMQ of this machine with
// the default plugins.
type Options struct {
	// Root is the root directory of another Debian system with RabbitMQ. The node runs inside it
	// with chroot, which requires root. "" and "/" mean this machine.
	Root string
	// Config holds additional lines for rabbitmq.conf, such as "disk_free_limit.absolute = 1GB".
	Config []string
	// Plugins replaces DefaultPlugins if it is not empty.
	Plugins []string
	// Definitions is the text of a definitions file (JSON) that the node loads when it boots.
	// RabbitMQ then creates neither the default user nor the vhost "/", so the definitions must
	// contain both. Login and Password must name an administrator in them.
	Definitions string
	// Login and Password are used in the node's URLs. If Login is empty, both are guest.
	Login, Password string
	// Join is a node of the same release line, started by Start. The new node joins its cluster.
	// nil means a cluster of one.
	Join *Node
	// Note receives one line for each slow step, for the person who waits. nil discards the lines.
	Note io.Writer
}

// DefaultPlugins returns the plugins that are enabled if Options.Plugins is empty. The management
// plugin is always required, because a node counts as started when its API responds.
func DefaultPlugins() []string {
	return []string{
		"rabbitmq_management", "rabbitmq_prometheus", "rabbitmq_shovel", "rabbitmq_shovel_management",
		"rabbitmq_federation", "rabbitmq_consistent_hash_exchange",
	}
}

func (o Options) plugins() []string {
	if len(o.Plugins) > 0 {
		return o.Plugins
	}
	return DefaultPlugins()
}

func (o Options) note(format string, args ...any) {
	if o.Note != nil {
		fmt.Fprintf(o.Note, format+"\n", args...)
	}
}

// host is a way to run a broker: a local process, a container, or a broker that somebody else
// runs.
type host interface {
	boot(ctx context.Context) error // starts it; ready or not
	alive() error                   // nil while it runs, else why it does not
	stop(ctx context.Context) error // orderly; returns when it is gone
	kill() error                    // kill -9; returns when it is gone
	signal(freeze bool) error       // SIGSTOP, SIGCONT
	ctl(ctx context.Context, args ...string) (string, error)
	eval(ctx context.Context, code string) (string, error)
	close() error // removes every trace
}

// Node is one broker. Its methods must not be called concurrently.
type Node struct {
	// URL is the AMQP URL with credentials: amqp://guest:guest@127.0.0.1:PORT/.
	URL string
	// API is the base URL of the management API with credentials:
	// http://guest:guest@127.0.0.1:PORT.
	API string
	// Version is the version that the broker reports ("4.0.5").
	Version string
	// Private is true if this package started the node, and false if MSGCTL_URL named it.
	Private bool
	// How describes where the node comes from ("rabbitmq-server 3.10.8 on this machine").
	How string

	host host
}

// Line returns the release line of the broker: "4.0" for "4.0.5".
func (n *Node) Line() string { return lineOf(n.Version) }

// Stop shuts the broker down in an orderly way. Durable queues and persistent messages survive a
// Restart.
func (n *Node) Stop(ctx context.Context) error { return wrap("stop node", n.host.stop(ctx)) }

// Kill ends the broker with kill -9, as a power failure would. Restart starts it again. Objects
// declared just before Kill may be lost, with the messages confirmed in them: see SyncMetadata.
func (n *Node) Kill() error { return wrap("kill node", n.host.kill()) }

// Freeze suspends the broker's process with SIGSTOP and leaves its connections open. To a client
// this looks like a network that drops all packets. Thaw resumes the process.
func (n *Node) Freeze() error { return wrap("freeze node", n.host.signal(true)) }

// Thaw resumes the process after Freeze.
func (n *Node) Thaw() error { return wrap("thaw node", n.host.signal(false)) }

// Restart stops the broker if it runs, starts it on the same ports with the same data, and returns
// when it responds.
func (n *Node) Restart(ctx context.Context) error {
	if n.host.alive() == nil {
		if err := n.Stop(ctx); err != nil {
			return err
		}
	}
	if err := n.host.boot(ctx); err != nil {
		return wrap("restart node", err)
	}
	return n.Wait(ctx)
}

// Ctl runs rabbitmqctl on the node and returns its output. A call takes one or two seconds.
func (n *Node) Ctl(ctx context.Context, args ...string) (string, error) {
	return n.host.ctl(ctx, args...)
}

// Eval evaluates Erlang expressions ("a(), b().") on the node and returns the result of the last
// one as text. It is much faster than Ctl if erl_call, which comes with Erlang, is installed.
func (n *Node) Eval(ctx context.Context, code string) (string, error) { return n.host.eval(ctx, code) }

// SetMemoryAlarm raises or clears the memory alarm and returns when the broker reports the new
// state. While the alarm is raised, the broker does not read from connections that publish (fact
// watermark-zero).
func (n *Node) SetMemoryAlarm(ctx context.Context, on bool) error {
	mark := "0.6"
	if on {
		mark = "0.0"
	}
	for {
		out, err := n.Eval(ctx, "ok = vm_memory_monitor:set_vm_memory_high_watermark("+mark+"), "+
			"lists:any(fun({{resource_limit, memory, _}, _}) -> true; (_) -> false end, rabbit_alarm:get_alarms()).")
		if err != nil || strings.TrimSpace(out) == strconv.FormatBool(on) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the memory alarm is %s: %w", out, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Leader suspends or resumes the leader process of a quorum queue. While it is suspended, the
// broker can neither count the messages of the queue nor apply acknowledgements.
func (n *Node) Leader(ctx context.Context, vhost, queue string, suspend bool) error {
	do := "resume"
	if suspend {
		do = "suspend"
	}
	_, err := n.Eval(ctx, fmt.Sprintf(`{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"%s">>, queue, <<"%s">>)),
		ok = sys:%s(amqqueue:get_pid(Q), 120000).`, vhost, queue, do))
	return err
}

// SyncMetadata returns when everything declared so far is on disk and survives Kill. Without it,
// recent declarations may be lost (fact metadata-is-late).
func (n *Node) SyncMetadata(ctx context.Context) error {
	_, err := n.Eval(ctx, "catch mnesia:sync_log().") // newer brokers have no Mnesia
	return err
}

// Close kills the node if it is private and removes its files or its container. It may be called
// more than once.
func (n *Node) Close() error { return wrap("remove node", n.host.close()) }

// Wait returns when the broker responds on AMQP and on the management API, and sets n.Version. It
// fails if the broker has ended, if ctx ends, or after five minutes.
func (n *Node) Wait(ctx context.Context) error {
	version, err := waitReady(ctx, n.URL, n.API, n.host.alive)
	if err != nil {
		return wrap("wait for node", err)
	}
	n.Version = version
	return nil
}

// foreign is a broker that this package did not start.
type foreign struct{}

func (foreign) boot(context.Context) error                     { return ErrNotOurs }
func (foreign) alive() error                                   { return nil }
func (foreign) stop(context.Context) error                     { return ErrNotOurs }
func (foreign) kill() error                                    { return ErrNotOurs }
func (foreign) signal(bool) error                              { return ErrNotOurs }
func (foreign) ctl(context.Context, ...string) (string, error) { return "", ErrNotOurs }
func (foreign) eval(context.Context, string) (string, error)   { return "", ErrNotOurs }
func (foreign) close() error                                   { return nil }

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (o Options) address(scheme, host string) string {
	user := url.UserPassword("guest", "guest")
	if o.Login != "" {
		user = url.UserPassword(o.Login, o.Password)
	}
	u := url.URL{Scheme: scheme, User: user, Host: host}
	if scheme == "amqp" {
		u.Path = "/"
	}
	return u.String()
}
