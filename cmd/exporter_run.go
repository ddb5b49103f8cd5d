package cmd

import (
	"context"
	"errors"
	"slices"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// prepare reads the files. The broker is not asked yet: it may come later.
func (o *exporterOptions) prepare() (exporter.Options, error) {
	conn, err := o.deps.connection(o.connection)
	if err != nil {
		return exporter.Options{}, err
	}
	match, err := compileMatch(o.match)
	if err != nil {
		return exporter.Options{}, err
	}
	conn.ReconnectAttempts = 0 // the next collection tries again; until then it is known that this one failed
	config, err := (&lintOptions{}).readConfig()
	if err != nil {
		return exporter.Options{}, err
	}
	out := exporter.Options{
		Connect: func(ctx context.Context) (exporter.Broker, error) { return openLive(ctx, o.deps, conn, "exporter") },
		VHost:   conn.VHost, AllVHosts: o.allVHosts, VHostOptions: vhostOptions(o.deps, conn, match),
		Interval: o.interval, TopologyInterval: o.reread, SampledQueues: o.looks, SampledMessages: o.sample,
		Log: o.log.logger(o.deps),
		LintLive: func(vhost string, live *topology.Live) []lint.Finding {
			in := &lintInput{state: live.State.Only([]string{vhost}), vhosts: []string{vhost}, live: live,
				version: live.Server.Version}
			return config.Apply(in.ignore(in.lint()))
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
	if !slices.Contains(o.files.patterns, "-") { // stdin cannot be read again
		out.ReadFiles = read
	}
	return out, nil
}

// readFiles reads the topology files, nil when nobody names one and there is none.
func (o *exporterOptions) readFiles(conn *profile.Connection) (*lintInput, error) {
	names, err := o.files.names(o.deps, conn.File)
	if err != nil {
		if o.files.none(o.deps) {
			return nil, nil
		}
		return nil, err
	}
	in := &lintInput{}
	if err := in.readFiles(o.deps, &fileOptions{patterns: names}, chooseVHost(conn)); err != nil {
		return nil, err
	}
	if in.problems.HasErrors() {
		streams := o.deps.streams
		if err := render.Diagnostics(streams.Err, in.problems, streams.ErrStyler(o.deps.colour),
			streams.ErrWidth()); err != nil {
			return nil, err
		}
		return nil, errors.New("mend the errors above first")
	}
	return in, nil
}

// exporterFiles implements exporter.Files.
type exporterFiles struct {
	in     *lintInput
	config lint.Config
}

// State implements exporter.Files.
func (f exporterFiles) State() *topology.State { return f.in.state }

// Lint implements exporter.Files.
func (f exporterFiles) Lint(live *topology.Live) []lint.Finding {
	f.in.live, f.in.version = live, live.Server.Version
	return f.config.Apply(f.in.ignore(f.in.lint()))
}
