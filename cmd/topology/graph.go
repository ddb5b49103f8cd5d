package topology

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	picture "github.com/msgctl/msgctl/internal/render/graph"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/graph"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

const graphLong = `Draw a topology, to review it or to document it: exchanges, queues, bindings
with their keys, dead-letter paths (dashed), retry queues, alternate exchanges,
and in red what msgctl lint reports. With --live, draw the broker's vhost with
the depth of each queue.

-o mermaid is rendered by GitHub and GitLab in Markdown; dot is for Graphviz.
svg and html are self-contained pictures that load nothing. The HTML page can be
panned, zoomed and searched; it shows the details of the object under the
pointer and highlights its message paths.`

type graphOptions struct {
	proc       *cmdutil.Process
	open       OpenReader
	connection *profile.Flags
	source     sourceOptions
	output     cmdutil.OutputFlag
}

// NewGraphCmd is msgctl graph.
func NewGraphCmd(d *cmdutil.Process, open OpenReader) *cobra.Command {
	opts := &graphOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "graph",
		GroupID: cmdutil.GroupTopology,
		Short:   "Draw a topology",
		Long:    graphLong,
		Example: "  msgctl graph -f topology.yaml\n  msgctl graph -f topology.yaml -o html > topology.html\n  " +
			"msgctl graph --live -o svg > now.svg",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runGraph(cmd.Context(), opts) },
	}
	opts.output.Register(cmd, "mermaid", "dot", "svg", "html", "json")
	opts.source.register(cmd, "draw the broker's vhost, with the depth of each queue")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runGraph(ctx context.Context, opts *graphOptions) error {
	in, err := opts.source.read(ctx, opts.proc, opts.open, "graph", opts.connection)
	if err != nil {
		return err
	}
	if err := refuseUnread(opts.proc, in); err != nil {
		return err
	}
	o := graph.Options{Version: in.Version, VHosts: in.VHosts, Events: graphEvents(in)}
	o.Problems, o.Losing = graphProblems(in)
	if in.Live != nil {
		o.Status = in.Live.Status
	}
	g := graph.New(in.State, o)
	write := map[string]func(io.Writer, *graph.Graph) error{
		"mermaid": picture.Mermaid, "dot": picture.DOT, "svg": picture.SVG, "html": picture.HTML, "json": picture.JSON,
	}[opts.output.Value]
	if opts.output.Value == "mermaid" && len(g.Edges) > picture.MermaidEdges {
		opts.proc.Warn("Mermaid refuses flowcharts of more than 500 edges by default; use -o html or -o svg")
	}
	return write(opts.proc.Streams.Out, g)
}

func graphEvents(in *subject.Subject) []graph.EventSource {
	var list []graph.EventSource
	for _, e := range in.Events {
		list = append(list, graph.EventSource{VHost: e.VHost, Name: e.Name, Exchange: e.Exchange, Key: e.Key})
	}
	return list
}

// refuseUnread ends a command whose files cannot be parsed, because what they declare is unknown.
// Objects with errors are drawn.
func refuseUnread(d *cmdutil.Process, in *subject.Subject) error {
	broken := slices.ContainsFunc(in.Problems, func(p diag.Diagnostic) bool {
		return p.Severity == diag.Error && p.Object == "" && p.Rule == ""
	})
	if !broken {
		return nil
	}
	if err := render.Diagnostics(d.Streams.Err, in.Problems, d.Streams.ErrStyler(d.Colour),
		d.Streams.ErrWidth()); err != nil {
		return err
	}
	return errors.New("fix the errors above first")
}

// graphProblems are the findings that the picture shows, and the queues whose dead letters are
// lost.
func graphProblems(in *subject.Subject) (problems map[topology.Ref][]graph.Problem, losing map[topology.Ref]bool) {
	problems, losing = map[topology.Ref][]graph.Problem{}, map[topology.Ref]bool{}
	for _, f := range in.Findings() {
		if !f.Severity.AtLeast(lint.Warning) || f.Ref.Name == "" {
			continue
		}
		problems[f.Ref] = append(problems[f.Ref], graph.Problem{Text: f.Message + " (" + f.Rule + ")",
			Mild: f.Severity != lint.Error})
		if f.Rule == "dead-letter-unroutable" || f.Rule == "dead-letter-exchange-missing" {
			losing[f.Ref] = true
		}
	}
	return problems, losing
}
