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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Start starts a private node of the RabbitMQ installed below o.Root and returns when it responds.
// It chooses free ports. If another program takes one before the node listens, Start tries again
// with other ports, three attempts in all. takePorts explains why the ports stay reserved
// afterwards.
func Start(ctx context.Context, o Options) (*Node, error) {
	for attempt := 1; ; attempt++ {
		n, err := start(ctx, o)
		if err == nil || attempt == 3 || !strings.Contains(err.Error(), "eaddrinuse") {
			return n, err
		}
	}
}

func start(ctx context.Context, o Options) (*Node, error) {
	in, err := findInstallation(o.Root)
	if err != nil {
		return nil, wrap("start node", err)
	}
	o.note("starting a private RabbitMQ %s", in.version)
	l, err := newLocal(in, o)
	if err != nil {
		return nil, wrap("start node", err)
	}
	n := &Node{
		URL: o.address("amqp", l.ports.addr(l.ports.amqp)), API: o.address("http", l.ports.addr(l.ports.api)),
		Private: true, How: "rabbitmq-server " + in.version + " on this machine", host: l,
	}
	if err = l.boot(ctx); err == nil {
		err = n.Wait(ctx)
	}
	if err == nil && o.Join != nil {
		err = n.joined(ctx, o.Join)
	}
	if err != nil {
		return nil, errors.Join(wrap("start node", err), n.Close())
	}
	return n, nil
}

// joined waits until n appears among the running members of its cluster. The node joins the cluster
// on its first boot because its configuration says so.
func (n *Node) joined(ctx context.Context, of *Node) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		members, err := runningNodes(ctx, of.API)
		if err == nil && slices.Contains(members, n.host.(*local).name) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("join a cluster: its members are %v (%w, last: %w)", members, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// local is a node that runs as a child process. Its epmd leads the process group.
type local struct {
	in    installation
	ports ports
	dir   string // as seen inside in.root
	name  string
	// cookie and epmdPort belong to the first node of the cluster.
	cookie   string
	epmdPort int
	epmd     *process
	beam     *process // nil before the first boot
	guard    *guard
}

func newLocal(in installation, o Options) (*local, error) {
	p, err := takePorts()
	if err != nil {
		return nil, err
	}
	outside, err := nodeDir(in.root)
	if err != nil {
		p.release()
		return nil, err
	}
	l := &local{in: in, ports: p, dir: outside[len(in.root):],
		name: "msgctl-" + strings.ToLower(rand.Text()[:10]) + "@localhost"}
	l.cookie, l.epmdPort = l.name[:17], p.epmd
	if o.Join != nil {
		first, ok := o.Join.host.(*local)
		if !ok {
			return nil, errors.New("only nodes that run on this machine can be joined")
		}
		l.cookie, l.epmdPort = first.cookie, first.epmdPort
		o.Config = append(slices.Clip(o.Config), "cluster_formation.peer_discovery_backend = classic_config",
			"cluster_formation.classic_config.nodes.1 = "+first.name, "cluster_formation.classic_config.nodes.2 = "+l.name)
	}
	if err := l.prepare(o); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func nodeDir(root string) (string, error) {
	if root == "" {
		return os.MkdirTemp("", "msgctl-node-")
	}
	if _, err := os.Stat(root + "/proc/self"); err != nil {
		return "", fmt.Errorf("use %s: /proc is not mounted in it", root)
	}
	return os.MkdirTemp(root+"/tmp", "msgctl-node-")
}

// prepare writes the configuration. It also starts epmd and the guard, which live as long as the
// node and are not restarted with it.
func (l *local) prepare(o Options) error {
	config := l.ports.config() + strings.Join(o.Config, "\n") + "\n"
	if o.Definitions != "" {
		config += "load_definitions = " + l.dir + "/definitions.json\n"
	}
	files := map[string]string{
		"rabbitmq.conf":    config,
		"definitions.json": o.Definitions,
		"advanced.config":  "[].\n",
		"enabled_plugins":  "[" + strings.Join(o.plugins(), ",") + "].\n",
	}
	for name, text := range files {
		if err := os.WriteFile(l.outside(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, d := range []string{"data", "log", "conf.d"} {
		if err := os.Mkdir(l.outside(d), 0o700); err != nil {
			return err
		}
	}
	epmd, err := l.in.tool("epmd")
	if err != nil {
		return err
	}
	// epmd runs in the foreground and leads the process group of the node. Otherwise Erlang would
	// start an epmd daemon that outlives the node. A node that joins a cluster registers with the
	// epmd of the first node; its own epmd only leads the group.
	l.epmd, err = l.spawn(0, "epmd.log", epmd, "-port", strconv.Itoa(l.ports.epmd))
	if err != nil {
		return fmt.Errorf("start epmd: %w", err)
	}
	// A process that dies slowly may still write a file, so the guard removes the directory
	// repeatedly.
	l.guard, err = newGuard(`kill -s KILL -- "-$1"; for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$2"; sleep 0.5; done`,
		strconv.Itoa(l.epmd.pid()), l.outside(""))
	return err
}

func (l *local) outside(name string) string { return filepath.Join(l.in.root+l.dir, name) }

// env returns the complete environment of the node and its tools. Apart from PATH, it takes nothing
// from the environment of the caller or the RabbitMQ settings of the machine.
func (l *local) env() []string {
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if l.in.root == "" {
		path = os.Getenv("PATH") + ":" + path
	}
	// These flags set the Erlang cookie and the interface of the distribution protocol. The server
	// and its tools need both.
	erl := "-setcookie " + l.cookie + " -kernel inet_dist_use_interface {127,0,0,1}"
	return []string{
		"PATH=" + path, "LANG=C.UTF-8", "HOME=" + l.dir,
		"RABBITMQ_NODENAME=" + l.name,
		"RABBITMQ_MNESIA_BASE=" + l.dir + "/data",
		"RABBITMQ_LOG_BASE=" + l.dir + "/log", "RABBITMQ_LOGS=-", // to our node.log, which then holds one boot
		"RABBITMQ_CONFIG_FILE=" + l.dir + "/rabbitmq.conf",
		"RABBITMQ_CONFIG_FILES=" + l.dir + "/conf.d",
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + l.dir + "/advanced.config",
		"RABBITMQ_GENERATED_CONFIG_DIR=" + l.dir + "/data/config",
		"RABBITMQ_CONF_ENV_FILE=" + l.dir + "/no-rabbitmq-env.conf",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + l.dir + "/enabled_plugins",
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(l.ports.dist),
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + strconv.Itoa(l.epmdPort),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=" + erl, "RABBITMQ_CTL_ERL_ARGS=" + erl,
		// RUNNING_UNDER_SYSTEMD makes the start script exec the Erlang VM instead of waiting for
		// it. Our child process is then the broker itself, and kill -9 hits the right process (fact
		// start-script-exec).
		"RUNNING_UNDER_SYSTEMD=true",
	}
}

func (l *local) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = l.env()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: l.in.root, Setpgid: true}
	return cmd
}

// spawn starts a long-lived process that writes its output to a file. A pipe would keep `go test`
// waiting for the process.
func (l *local) spawn(group int, log, name string, args ...string) (*process, error) {
	out, err := os.Create(l.outside(log))
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := l.command(context.Background(), name, args...)
	cmd.SysProcAttr.Pgid = group
	cmd.Stdout, cmd.Stderr = out, out
	return startProcess(cmd)
}

func (l *local) boot(context.Context) error {
	if l.epmd == nil {
		return errors.New("the node was closed")
	}
	var err error
	l.beam, err = l.spawn(l.epmd.pid(), "node.log", l.in.sbin+"/rabbitmq-server")
	return err
}

func (l *local) alive() error {
	if l.beam == nil {
		return errors.New("the node was not started")
	}
	if l.beam.gone() {
		return fmt.Errorf("the node ended: %s", l.whyEnded())
	}
	return nil
}

func (l *local) running() bool { return l.beam != nil && !l.beam.gone() }

// whyEnded returns the lines of the node's log that explain why it ended. Those are the first
// errors, because later crash reports only repeat them, or the last lines if there is no error.
func (l *local) whyEnded() string {
	const enough = 8
	text, _ := os.ReadFile(l.outside("node.log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if errs := slices.DeleteFunc(slices.Clone(lines), notAnError); len(errs) > 0 {
		return strings.Join(errs[:min(enough, len(errs))], "\n")
	}
	return strings.Join(lines[max(0, len(lines)-enough):], "\n")
}

func notAnError(line string) bool { return !strings.Contains(line, "[error]") }

// stop sends SIGTERM, which shuts RabbitMQ down in an orderly way (fact sigterm-is-orderly).
func (l *local) stop(ctx context.Context) error {
	if !l.running() {
		return nil
	}
	return l.beam.end(ctx, syscall.SIGTERM)
}

func (l *local) kill() error {
	if !l.running() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return l.beam.end(ctx, syscall.SIGKILL)
}

func (l *local) signal(freeze bool) error {
	if err := l.alive(); err != nil {
		return err
	}
	if freeze {
		return l.beam.signal(syscall.SIGSTOP)
	}
	return l.beam.signal(syscall.SIGCONT)
}

func (l *local) ctl(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"-q", "-n", l.name}, args...)
	out, err := l.command(ctx, l.in.sbin+"/rabbitmqctl", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w: %s", strings.Join(args[3:], " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// eval uses erl_call, a small C program that comes with Erlang, because rabbitmqctl takes a second
// of processor time. Without erl_call it uses rabbitmqctl.
func (l *local) eval(ctx context.Context, code string) (string, error) {
	call, err := l.in.tool("erl_call")
	if err != nil {
		return l.ctl(ctx, "eval", code)
	}
	cmd := l.command(ctx, call, "-sname", l.name, "-c", l.cookie, "-e")
	cmd.Stdin = strings.NewReader(code + "\n")
	out, err := cmd.CombinedOutput()
	result, ok := strings.CutPrefix(string(out), "{ok, ")
	if err == nil && !ok {
		err = errors.New("it failed")
	}
	if err != nil {
		return "", fmt.Errorf("evaluate %s: %w: %s", code, err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSuffix(strings.TrimSpace(result), "}"), nil
}

func (l *local) close() error {
	if l.dir == "" {
		return nil
	}
	if l.epmd != nil {
		_ = syscall.Kill(-l.epmd.pid(), syscall.SIGKILL)
		l.epmd.wait()
	}
	if l.beam != nil {
		l.beam.wait()
	}
	l.guard.release()
	l.ports.release()
	err := os.RemoveAll(l.outside(""))
	l.dir, l.epmd, l.guard = "", nil, nil
	return err
}
