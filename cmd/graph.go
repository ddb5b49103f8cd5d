package cmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
	picture "github.com/msgctl/msgctl/internal/render/graph"
	"github.com/msgctl/msgctl/pkg/topology/graph"
)

const graphLong = `Draw a topology: exchanges, queues, bindings with their keys, dead-letter paths (dashed), retry ladders, alternate exchanges, and
in red what msgctl lint finds wrong. With --live it is the broker's vhost, with the depth of each queue.

mermaid is drawn by GitHub and GitLab inside of Markdown; dot is for Graphviz. svg and html are finished pictures that
need nothing else and load nothing: the page can be moved, enlarged and searched, and shows what is known about the
object under the pointer and what its messages go through.`

type graphOptions struct {
	deps       *deps
	connection *profile.Flags
	source     sourceOptions
	format     outputFormat
}

func newGraphCmd(d *deps) *cobra.Command {
	opts := &graphOptions{deps: d}
	cmd := &cobra.Command{
		Use:     "graph",
		GroupID: groupTopology,
		Short:   "Draw a topology",
		Long:    graphLong,
		Example: "  msgctl graph -f topology.yaml\n  msgctl graph -f topology.yaml --format html > topology.html\n  " +
			"msgctl graph --live --format svg > now.svg",
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runGraph(cmd.Context(), opts) },
	}
	opts.format.registerAs(cmd, "format", "", "mermaid", "dot", "svg", "html")
	opts.source.register(cmd, "draw what the broker has now, with the depth of each queue")
	opts.connection = connectionFlags(cmd)
	return cmd
}

func runGraph(ctx context.Context, opts *graphOptions) error {
	in, err := opts.source.read(ctx, opts.deps, "graph", opts.connection)
	if err != nil {
		return err
	}
	o := graph.Options{Version: in.version, VHosts: in.vhosts, Events: graphEvents(in)}
	o.Problems, o.Losing = graphProblems(in)
	if in.live != nil {
		o.Status = in.live.Status
	}
	g := graph.New(in.state, o)
	write := map[string]func(io.Writer, *graph.Graph) error{
		"mermaid": picture.Mermaid, "dot": picture.DOT, "svg": picture.SVG, "html": picture.HTML,
	}[opts.format.value]
	if opts.format.value == "mermaid" && len(g.Edges) > picture.MermaidEdges {
		opts.deps.warn("most pages refuse to draw a Mermaid flowchart of more than 500 edges; use --format html, or svg")
	}
	return write(opts.deps.streams.Out, g)
}

func graphEvents(in *lintInput) []graph.EventSource {
	var list []graph.EventSource
	for _, e := range in.events {
		list = append(list, graph.EventSource{VHost: e.VHost, Name: e.Name, Exchange: e.Exchange, Key: e.Key})
	}
	return list
}
