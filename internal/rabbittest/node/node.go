// Package node finds or starts a private RabbitMQ node, for the tests and for the demo.
//
// A private node listens on free ports of 127.0.0.1 only, has its own epmd, cookie, node name and
// temporary directory, reads none of the machine's own RabbitMQ configuration, and leaves nothing
// behind: Close removes it, and when the process that started it dies, however that happens (Ctrl-C
// and kill -9 included), a small guard process kills the node and removes its directory.
//
// The package knows nothing of package testing. Package rabbittest is what tests use.
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

// ErrNotOurs is returned by everything that would stop or break a broker that this package did not
// start.
var ErrNotOurs = errors.New("this broker was given by MSGCTL_URL, not started here: it is left alone")

// Options say how to start a node. The zero value is a node of this machine's own RabbitMQ with the
// default plugins.
type Options struct {
	// Root is the directory that a RabbitMQ installation of another Debian lives in; the node is
	// started inside it with chroot, which needs root. "" and "/" mean this machine's own.
	Root string
	// Config holds further lines for rabbitmq.conf ("disk_free_limit.absolute = 1GB").
	Config []string
	// Plugins replaces DefaultPlugins.
	Plugins []string
	// Definitions is a definitions file (JSON) that the node loads when it boots. RabbitMQ then
	// creates neither its default user nor the vhost "/", so the file must hold them, and Login and
	// Password one of its administrators.
	Definitions string
	// Login and Password are used in the node's URLs. "" means guest and guest.
	Login, Password string
	// Join is a node of the same line, started by Start, whose cluster the new one joins. nil
	// starts a cluster of one.
	Join *Node
	// Note receives one line per step that takes time, for a person who waits. nil drops them.
	Note io.Writer
}

// DefaultPlugins are enabled unless Options.Plugins says otherwise. The management plugin is always
// needed: a node counts as started when its API answers.
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

// runner is one way to run a broker: a local process, a container, or not at all (somebody else's).
type runner interface {
	boot(ctx context.Context) error // starts it; ready or not
	alive() error                   // nil while it runs, else why it does not
	stop(ctx context.Context) error // orderly; returns when it is gone
	kill() error                    // kill -9; returns when it is gone
	signal(freeze bool) error       // SIGSTOP, SIGCONT
	ctl(ctx context.Context, args ...string) (string, error)
	eval(ctx context.Context, code string) (string, error)
	close() error // removes every trace
}

// Node is one broker. Its methods are for one goroutine at a time.
type Node struct {
	// URL is the AMQP address with credentials: amqp://guest:guest@127.0.0.1:PORT/.
	URL string
	// API is the management API's address with credentials: http://guest:guest@127.0.0.1:PORT.
	API string
	// Version is what the broker says of itself ("4.0.5").
	Version string
	// Private is true when this package started the node, and false when MSGCTL_URL named it.
	Private bool
	// How says in a few words where the node comes from ("rabbitmq-server 3.10.8 on this machine").
	How string

	run runner
}

// Line is the broker's minor version line: "4.0" for 4.0.5.
func (n *Node) Line() string { return lineOf(n.Version) }

// Stop ends the broker in order, as an operator would: durable queues and persistent messages
// survive a Restart.
func (n *Node) Stop(ctx context.Context) error { return wrap("stop node", n.run.stop(ctx)) }

// Kill ends the broker as a power cut would (kill -9). It may be started again with Restart. What
// was declared moments before may be gone then, with its confirmed messages: see SyncMetadata.
func (n *Node) Kill() error { return wrap("kill node", n.run.kill()) }

// Freeze stops the broker's process from running without closing its connections (SIGSTOP): to a
// client it looks like a network that swallows everything. Thaw ends it.
func (n *Node) Freeze() error { return wrap("freeze node", n.run.signal(true)) }

// Thaw ends Freeze.
func (n *Node) Thaw() error { return wrap("thaw node", n.run.signal(false)) }

// Restart stops the broker if it runs, starts it on the same ports with the same data, and returns
// when it answers.
func (n *Node) Restart(ctx context.Context) error {
	if n.run.alive() == nil {
		if err := n.Stop(ctx); err != nil {
			return err
		}
	}
	if err := n.run.boot(ctx); err != nil {
		return wrap("restart node", err)
	}
	return n.Wait(ctx)
}

// Ctl runs rabbitmqctl on the node and returns what it printed. It takes about a second or two.
func (n *Node) Ctl(ctx context.Context, args ...string) (string, error) {
	return n.run.ctl(ctx, args...)
}

// Eval evaluates Erlang expressions ("a(), b().") on the node and returns what the last one gives.
// It is much cheaper than Ctl where Erlang's own erl_call is installed.
func (n *Node) Eval(ctx context.Context, code string) (string, error) { return n.run.eval(ctx, code) }

// SetMemoryAlarm raises or clears the memory alarm, and returns when it is so: while it is up, the
// broker reads nothing from connections that publish (fact watermark-zero).
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

// Leader suspends or resumes the process that leads a quorum queue: without it, the broker cannot
// count the queue, nor apply what is acknowledged.
func (n *Node) Leader(ctx context.Context, vhost, queue string, suspend bool) error {
	do := "resume"
	if suspend {
		do = "suspend"
	}
	_, err := n.Eval(ctx, fmt.Sprintf(`{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"%s">>, queue, <<"%s">>)),
		ok = sys:%s(amqqueue:get_pid(Q), 120000).`, vhost, queue, do))
	return err
}

// SyncMetadata returns when what was declared so far would survive Kill, which it might not
// otherwise (fact metadata-is-late).
func (n *Node) SyncMetadata(ctx context.Context) error {
	_, err := n.Eval(ctx, "catch mnesia:sync_log().") // 4.3 has no Mnesia any more
	return err
}

// Close kills the node if it is private and removes every trace of it. It may be called more than
// once.
func (n *Node) Close() error { return wrap("remove node", n.run.close()) }

// Wait returns when the broker answers on AMQP and on the management API, and fails when it has
// died or ctx ends.
func (n *Node) Wait(ctx context.Context) error {
	version, err := waitReady(ctx, n.URL, n.API, n.run.alive)
	if err != nil {
		return wrap("wait for node", err)
	}
	n.Version = version
	return nil
}

// foreign is a broker that somebody else started.
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
