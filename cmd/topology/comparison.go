package topology

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/plans"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// comparison is a command's files and its broker together. plan, apply and destroy work on it.
type comparison struct {
	proc       *cmdutil.Process
	command    string
	connection *profile.Connection
	broker     Broker
	want       *topology.State
	options    *diffOptions
	unlock     func()
}

// newComparison reads the files and prepares the connection; it dials nothing. Errors in the files
// end the command.
func newComparison(ctx context.Context, d *cmdutil.Process, open OpenBroker, command string, flags *profile.Flags,
	files *cmdutil.FileFlag,
	diff *diffOptions) (*comparison, error) {
	d.HasNoAPI = !diff.destroy
	conn, err := d.Connection(flags)
	if err != nil {
		return nil, err
	}
	names, err := files.Names(d, conn.File)
	if err != nil {
		return nil, err
	}
	want, problems, err := d.ReadState(names, cmdutil.ChooseVHost(conn), !diff.destroy)
	if err != nil {
		return nil, err
	}
	if err := render.Diagnostics(d.Streams.Err, problems, d.Streams.ErrStyler(d.Colour),
		d.Streams.ErrWidth()); err != nil {
		return nil, err
	}
	if problems.HasErrors() {
		return nil, errors.New("nothing was changed: fix the errors above first")
	}
	if from := conn.Sources["vhost"]; from != "default" {
		diff.plan.HomeFrom = from
	}
	b, err := open(ctx, conn, command, diff.noAPI)
	if err != nil {
		return nil, err
	}
	return &comparison{proc: d, command: command, connection: conn, broker: b, want: want, options: diff,
		unlock: func() {}}, nil
}

// plan reads the broker and compares.
func (c *comparison) plan(ctx context.Context) (*plan.Plan, error) {
	plan, err := newPlanner(c.broker, c.live, c.options.diff(c.want))(ctx)
	return plan, c.adviseNoAPI(err)
}

// live reads the broker. Missing vhosts are added to the declared state if the user wants them
// created.
func (c *comparison) live(ctx context.Context) (*topology.Live, error) {
	live, err := c.broker.Live(ctx, c.want)
	if err != nil {
		return nil, err
	}
	redact.Know(live.Secrets()...)
	for _, name := range live.MissingVHosts {
		vhost := &topology.VHost{Name: name}
		if c.want.Has(vhost.Ref()) || c.options.destroy {
			continue
		}
		create, err := c.createVHost(ctx, name)
		if err != nil {
			return nil, err
		}
		if create {
			_ = c.want.Add(vhost, diag.Position{}) // it does not exist: Has has checked
		}
	}
	return live, nil
}

// createVHost asks on a terminal; elsewhere the plan says what to type.
func (c *comparison) createVHost(ctx context.Context, name string) (bool, error) {
	if c.options.createVHost || c.options.noAPI || c.command != "apply" || !c.proc.Streams.InTTY {
		return c.options.createVHost, nil
	}
	return c.proc.Streams.Confirm(ctx, fmt.Sprintf("Vhost %q does not exist. Create it?", name),
		"--create-vhost")
}

// lock prevents concurrent applies of the same topology, and of those that it adopts objects from.
// If no lock can be obtained, the command warns and continues.
func (c *comparison) lock(ctx context.Context) error {
	vhosts := c.want.VHosts()
	if c.want.Name == "" || len(vhosts) == 0 {
		return nil
	}
	if err := c.lockOne(ctx, vhosts[0], c.want.Name); err != nil {
		return err
	}
	for _, old := range c.options.plan.AdoptFrom {
		name, vhost, elsewhere := strings.Cut(old, "@")
		if !elsewhere {
			vhost = vhosts[0]
		}
		if name == c.want.Name && vhost == vhosts[0] {
			continue
		}
		if err := c.lockOne(ctx, vhost, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) lockOne(ctx context.Context, vhost, name string) error {
	release, err := c.broker.Lock(ctx, vhost, name)
	switch {
	case errors.Is(err, topology.ErrLocked):
		return err
	case errors.Is(err, topology.ErrVHostMissing): // about to be created: nothing to lock yet
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		c.proc.Warn("no lock: concurrent applies of this topology are not prevented: " + err.Error())
	}
	before := c.unlock
	c.unlock = func() { release(); before() }
	return nil
}

func (c *comparison) close() {
	c.unlock()
	c.broker.Close()
}

// diffOptions are the flags that determine how a difference becomes a plan.
type diffOptions struct {
	plan        plan.Options
	replace     string
	createVHost bool
	noAPI       bool
	// destroy plans deletions instead of changes.
	destroy bool
}

func (o *diffOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Int64Var(&o.plan.MaxMessageLoss, "max-message-loss", 0,
		"allow the loss of messages that queues hold, up to this many in all: by deletions, by limits that policies set, "+
			"and where dead letters have nowhere to go any more")
	if o.destroy {
		return
	}
	flags.Var(pruneValue{o}, "prune",
		"delete what this topology's name once applied and the files no longer declare, in the vhosts of the files; "+
			"users, vhosts and globals (global parameters) only if you name them (--prune=users,vhosts), and if the files "+
			"have none of them, also permissions, policies, operatorPolicies, parameters and limits")
	flags.Lookup("prune").NoOptDefVal = "true"
	flags.BoolVar(&o.plan.Adopt, "adopt", false,
		"record existing objects that the files declare as owned by this topology, so that this plan may take something "+
			"away from them, and --prune and destroy may delete them later")
	flags.StringArrayVar(&o.plan.AdoptFrom, "adopt-from", nil,
		"take over what the files declare from topology `OLD`, which owns it: after a rename, or when objects moved from "+
			"one file to another; may be repeated, OLD@VHOST where it lives in another vhost")
	flags.Var(replaceValue{o}, "replace",
		"what may be deleted and recreated where RabbitMQ cannot change it: empty (exchanges, and queues without messages "+
			"and consumers)")
	flags.BoolVar(&o.createVHost, "create-vhost", false, "create the vhost of the files if it does not exist")
	flags.BoolVar(&o.noAPI, "no-api", false,
		"do not use the management API: declare exchanges, queues and bindings over AMQP; differences are found by "+
			"declaring existing objects again, which changes nothing")
}

// diff returns the function that makes a plan from a live state.
func (o *diffOptions) diff(want *topology.State) func(*topology.Live) *plan.Plan {
	return func(live *topology.Live) *plan.Plan {
		if o.destroy {
			return plan.Destroy(want, live, o.plan)
		}
		return plan.Diff(want, live, o.plan)
	}
}

// replaceValue is the flag --replace.
type replaceValue struct{ o *diffOptions }

// String, Set and Type make it a flag's value.
func (v replaceValue) String() string {
	if v.o == nil {
		return ""
	}
	return v.o.replace
}

// Set accepts only empty.
func (v replaceValue) Set(s string) error {
	if s != "empty" {
		return errors.New("want empty")
	}
	v.o.replace, v.o.plan.ReplaceEmpty = s, true
	return nil
}

// Type names the value in help.
func (v replaceValue) Type() string { return "which" }

// pruneValue is the flag --prune: alone, or with the kinds that are pruned only by name.
type pruneValue struct{ o *diffOptions }

// String, Set and Type make it a flag's value.
func (v pruneValue) String() string {
	if v.o == nil || !v.o.plan.Prune {
		return ""
	}
	return "true"
}

// Set accepts true, false, or a list of kinds.
func (v pruneValue) Set(s string) error {
	v.o.plan.Prune, v.o.plan.PruneKinds = true, nil
	switch s {
	case "true":
		return nil
	case "false":
		v.o.plan.Prune = false
		return nil
	}
	for name := range strings.SplitSeq(s, ",") {
		kind, ok := plans.PruneKinds()[name]
		if !ok {
			return fmt.Errorf("want --prune alone, or a list of these: %s", strings.Join(plans.PruneNames(), ", "))
		}
		v.o.plan.PruneKinds = append(v.o.plan.PruneKinds, kind)
	}
	return nil
}

// Type names the value in help.
func (v pruneValue) Type() string { return "kinds" }
