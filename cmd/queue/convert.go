package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const convertLong = `Replace a queue by one of another type or with other arguments, under the same
name. Its bindings, including those of others, and its messages in their order
are kept. The plan is shown first and must be confirmed; pass --yes where there
is no terminal.

Consumers are cancelled once, when the empty queue is replaced, and must
subscribe again. Applications that declare the queue themselves must declare the
new one from then on. Publishers to exchanges notice nothing. Publishers that
send to the name of the queue through the default exchange could lose what
arrives in the moment of the replacement: the migration stops before it if it
sees such messages, unless --allow-gap is given.

--set takes the fields of a queue in a topology file. --unset takes the names of
arguments, such as x-max-priority. Streams, exclusive, auto-delete and
non-durable queues are refused.`

type convertOptions struct {
	base  options
	to    string
	set   []string
	unset []string
}

func newConvertCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	opts := &convertOptions{base: options{proc: d, open: open, command: "queue convert"}}
	cmd := &cobra.Command{
		Use:   "convert QUEUE --to quorum|classic|stream [--set FIELD=VALUE]",
		Short: "Replace a queue by one of another type or with other arguments",
		Long:  convertLong,
		Example: "  msgctl queue convert orders --to quorum --dry-run\n  msgctl queue convert orders --to quorum --unset " +
			"x-max-priority\n  msgctl queue convert orders --set messageTTL=24h --yes",
		Args: cmdutil.Args("QUEUE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			change, err := opts.change(names[0])
			if err != nil {
				return err
			}
			return opts.base.begin(cmd.Context(), names[0], change)
		},
	}
	cmd.Flags().StringVar(&opts.to, "to", "", "the new `TYPE`: quorum, classic or stream (default: the type that it has)")
	cmd.Flags().StringArrayVar(&opts.set, "set", nil,
		"a `FIELD=VALUE` of the new queue, as in a topology file; may be repeated")
	cmd.Flags().StringArrayVar(&opts.unset, "unset", nil, "remove this `ARGUMENT`; may be repeated")
	opts.base.register(cmd)
	return cmd
}

// change reads the flags as a topology file would declare the queue.
func (o *convertOptions) change(queue string) (c migrate.Change, err error) {
	if o.to == "" && len(o.set) == 0 && len(o.unset) == 0 {
		return c, cmdutil.UsageError("msgctl queue convert "+shell.Quote(queue)+" --to quorum",
			"%snone of --to, --set and --unset says what to change", cmdutil.Where(o.base.cmd))
	}
	fields := map[string]any{}
	for _, text := range o.set {
		name, value, ok := strings.Cut(text, "=")
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); !ok || err != nil || slices.Contains(notArguments(), name) {
			return c, cmdutil.UsageError("--set messageTTL=24h, or --set 'arguments={x-dead-letter-exchange: dlx}'",
				"%sflag --set %s: want a field of a queue and its value, and none of %s", cmdutil.Where(o.base.cmd), text,
				strings.Join(notArguments(), ", "))
		}
		fields[name] = v
	}
	types := []string{o.to}
	if o.to == "" { // it has one of these: what does not fit it is refused later
		types = []string{topology.Quorum, topology.Stream, topology.Classic}
	}
	for _, fields["type"] = range types {
		if c.Set, err = o.arguments(fields); err == nil {
			break
		}
	}
	c.Type, c.Unset = o.to, o.unset
	return c, err
}

// notArguments are the fields of a queue in a topology file that are not among its arguments.
func notArguments() []string {
	return []string{"type", "bindings", "durable", "autoDelete", "deadLetter", "retry", "alerts"}
}

// arguments reads the fields of a queue as a topology file.
func (o *convertOptions) arguments(fields map[string]any) (topology.Arguments, error) {
	text, err := json.Marshal(map[string]any{"queues": map[string]any{"q": fields}})
	if err != nil {
		return nil, fmt.Errorf("read --set: %w", err)
	}
	_, state, problems := spec.Read([]source.Input{{Name: "the flags", Data: text}}, spec.Options{})
	for _, p := range problems {
		if problems.HasErrors() {
			return nil, cmdutil.UsageError(p.Fix, "%s%s", cmdutil.Where(o.base.cmd), p.Message)
		}
	}
	found, _ := state.Get(topology.QueueRef("/", "q"))
	q, ok := found.(*topology.Queue)
	if !ok {
		return nil, cmdutil.UsageError("--set messageTTL=24h", "%s--set declares no queue", cmdutil.Where(o.base.cmd))
	}
	return q.Arguments, nil
}
