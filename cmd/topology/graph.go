package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	picture "github.com/msgctl/msgctl/internal/render/graph"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/graph"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

const graphLong = `Draw a topology, to review it or to document it: exchanges, queues, bindings
with their keys, dead-letter paths (dashed), retries, alternate exchanges, and
in red what msgctl lint reports. With --live, draw the broker's vhost with the
depth of each queue.

The field retry is drawn as a broker of the version does it when it creates the
queue: with wait queues, or by the queue itself.

-o mermaid is rendered by GitHub and GitLab in Markdown; dot is for Graphviz.
svg and html are self-contained pictures that load nothing. The HTML page can be
panned, zoomed and searched; it shows the details of the object under the
pointer and highlights its message paths.

More than 400 objects are folded into groups by their names, with dead letters
and retry steps apart; objects with errors stay single. --all draws each object.
Mermaid draws at most 500 edges and 50,000 characters: a topology that does not
fit is folded further, or refused.`

type graphOptions struct {
	proc       *cmdutil.Process
	open       OpenReader
	connection *profile.Flags
	source     sourceOptions
	output     cmdutil.OutputFlag
	all        bool
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
	cmd.Flags().BoolVar(&opts.all, "all", false, "draw every object, however many there are")
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
	state := in.State
	if in.Live != nil {
		o.Status = in.Live.Status
	} else {
		state, _ = plan.FitRetries(state, &topology.Live{Server: topology.Server{Version: in.Version}})
	}
	return opts.draw(graph.New(state, o))
}

// drawnSingly is how many objects a picture shows one by one; beyond it they are folded into this
// many groups.
const (
	drawnSingly = 400
	mostGroups  = 150
)

// draw writes the picture. One of very many objects is folded, unless each was asked for.
func (o *graphOptions) draw(g *graph.Graph) error {
	drawn := g
	if len(g.Nodes) > drawnSingly && !o.all && o.output.Value != "json" {
		drawn = g.Fold(mostGroups)
	}
	out := o.proc.Streams.Out
	switch o.output.Value {
	case "json":
		return picture.JSON(out, g)
	case "mermaid":
		return o.mermaid(g, drawn)
	}
	o.tellFolded(drawn)
	write := map[string]func(io.Writer, *graph.Graph) error{
		"dot": picture.DOT, "svg": picture.SVG, "html": picture.HTML,
	}[o.output.Value]
	return write(out, drawn)
}

func (o *graphOptions) tellFolded(g *graph.Graph) {
	if n := g.Objects(); n > len(g.Nodes) {
		o.proc.Say("%s are drawn as %s, by their names; --all draws each",
			terminal.FormatPlural(int64(n), "object", "objects"), terminal.FormatPlural(int64(len(g.Nodes)), "node", "nodes"))
	}
}

// mermaid writes a flowchart that fits into the limits of Mermaid, folded as far as that needs. What
// cannot fit is not written: it would be shown as an error.
func (o *graphOptions) mermaid(whole, drawn *graph.Graph) error {
	for limit := mostGroups; ; limit /= 2 {
		var text bytes.Buffer
		if err := picture.Mermaid(&text, drawn); err != nil {
			return err
		}
		if len(drawn.Edges) <= picture.MermaidEdges && text.Len() <= picture.MermaidText {
			o.tellFolded(drawn)
			_, err := o.proc.Streams.Out.Write(text.Bytes())
			return err
		}
		if o.all || limit < 10 {
			return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Advice: "use -o svg, -o html or -o dot", Err: fmt.Errorf(
				"the picture would have %s and %s: Mermaid draws at most %d edges and %s characters, and shows an error beyond",
				terminal.FormatPlural(int64(len(drawn.Edges)), "edge", "edges"),
				terminal.FormatPlural(int64(text.Len()), "character", "characters"),
				picture.MermaidEdges, terminal.FormatCount(picture.MermaidText))}
		}
		drawn = whole.Fold(limit)
	}
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
