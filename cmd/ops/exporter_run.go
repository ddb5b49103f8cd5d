package ops

import (
	"context"
	"errors"
	"slices"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

// OpenExporter creates a client for the exporter.
type OpenExporter func(ctx context.Context, conn *profile.Connection, command string) (exporter.Broker, error)

// prepare reads the files. It does not contact the broker, which may become available later.
func (o *exporterOptions) prepare() (exporter.Options, error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return exporter.Options{}, err
	}
	match, err := cmdmsg.CompileMatch(o.match)
	if err != nil {
		return exporter.Options{}, err
	}
	conn.ReconnectAttempts = 0 // the next collection tries again; until then this one counts as failed
	config, err := o.proc.ReadLintConfig("")
	if err != nil {
		return exporter.Options{}, err
	}
	out := exporter.Options{
		Connect: func(ctx context.Context) (exporter.Broker, error) { return o.open(ctx, conn, "exporter") },
		VHost:   conn.VHost, AllVHosts: o.allVHosts, VHostOptions: cmdmsg.VHostOptions(o.proc, conn, match),
		Interval: o.interval, TopologyInterval: o.reread, SampledQueues: o.browseQueues, SampledMessages: o.sample,
		Log: o.log.Logger(o.proc, o.proc.Streams.Err),
		LintLive: func(vhost string, live *topology.Live) []lint.Finding {
			in := &subject.Subject{State: live.State.Only([]string{vhost}), VHosts: []string{vhost}, Live: live,
				Version: live.Server.Version}
			return config.Apply(in.WithComments(in.Findings()))
		},
	}
	if o.allVHosts {
		return out, nil
	}
	read := func() (exporter.Files, error) {
		in, err := o.readFiles(conn)
		if err != nil || in == nil {
			return nil, err
		}
		return exporterFiles{in, config}, nil
	}
	if out.Files, err = read(); err != nil {
		return exporter.Options{}, err
	}
	if !slices.Contains(o.files.Patterns, "-") { // stdin can be read only once
		out.ReadFiles = read
	}
	return out, nil
}

// readFiles reads the topology files; it returns nil if none is named and the default does not
// exist.
func (o *exporterOptions) readFiles(conn *profile.Connection) (*subject.Subject, error) {
	names, err := o.files.Names(o.proc, conn.File)
	if err != nil {
		if o.files.None(o.proc) {
			return nil, nil
		}
		return nil, err
	}
	in := &subject.Subject{}
	if err := cmdutil.LoadSubject(o.proc, in, &cmdutil.FileFlag{Patterns: names}, cmdutil.ChooseVHost(conn)); err != nil {
		return nil, err
	}
	if in.Problems.HasErrors() {
		streams := o.proc.Streams
		if err := render.Diagnostics(streams.Err, in.Problems, streams.ErrStyler(o.proc.Colour),
			streams.ErrWidth()); err != nil {
			return nil, err
		}
		return nil, errors.New("fix the errors above first")
	}
	return in, nil
}

// exporterFiles implements exporter.Files.
type exporterFiles struct {
	in     *subject.Subject
	config lint.Config
}

// State implements exporter.Files.
func (f exporterFiles) State() *topology.State { return f.in.State }

// Lint implements exporter.Files.
func (f exporterFiles) Lint(live *topology.Live) []lint.Finding {
	f.in.Live, f.in.Version = live, live.Server.Version
	return f.config.Apply(f.in.WithComments(f.in.Findings()))
}
