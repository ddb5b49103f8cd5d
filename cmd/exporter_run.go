package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// exporterBroker is what the exporter needs of a live broker. deps.go makes one.
type exporterBroker interface {
	messageBroker
	// Owned reads all objects of some vhosts, of the cluster, and what the record of an owner
	// names.
	Owned(ctx context.Context, owner string, vhosts []string) (*topology.Live, error)
	// ReadyBytes has the bytes of the ready messages of every queue of a vhost.
	ReadyBytes(ctx context.Context, vhost string) (map[string]int64, error)
}

// exporterRun is one run of the exporter.
type exporterRun struct {
	*exporterOptions
	conn   *profile.Connection
	log    *slog.Logger
	lint   lint.Config
	broker exporterBroker // nil until it is needed, and after a failure
	board  *exporter.Board
	rota   exporter.Rota
	// files is what the topology files say, nil without any.
	files *lintInput
	// open has what was read of the broker, by vhost; it is read anew when it is older than
	// --topology-interval.
	open     map[string]*vhost.VHost
	closed   []string
	told     map[string]bool // closed vhosts that were logged
	readAt   time.Time
	drift    map[string]map[topology.Action]int
	findings map[exporter.Finding]int
	// failing says that the last collection failed, which was logged.
	failing bool
}

// prepare reads the files. The broker is not asked yet: it may come later.
func (o *exporterOptions) prepare() (*exporterRun, error) {
	conn, err := o.deps.connection(o.connection)
	if err != nil {
		return nil, err
	}
	if _, err := compileMatch(o.match); err != nil {
		return nil, err
	}
	conn.ReconnectAttempts = 0 // the next collection tries again; until then it is known that this one failed
	r := &exporterRun{exporterOptions: o, conn: conn}
	r.log = o.log.logger(o.deps)
	if r.lint, err = (&lintOptions{}).readConfig(); err != nil {
		return nil, err
	}
	if !o.allVHosts {
		if r.files, err = r.readFiles(); err != nil {
			return nil, err
		}
	}
	r.board = exporter.NewBoard(r.declared())
	return r, nil
}

// readFiles reads the topology files, nil when nobody names one and there is none.
func (r *exporterRun) readFiles() (*lintInput, error) {
	names, err := r.exporterOptions.files.names(r.deps, r.conn.File)
	if err != nil {
		if r.exporterOptions.files.none(r.deps) {
			return nil, nil
		}
		return nil, err
	}
	in := &lintInput{}
	if err := in.readFiles(r.deps, &fileOptions{patterns: names}, chooseVHost(r.conn)); err != nil {
		return nil, err
	}
	if in.problems.HasErrors() {
		streams := r.deps.streams
		if err := render.Diagnostics(streams.Err, in.problems, streams.ErrStyler(r.deps.colour),
			streams.ErrWidth()); err != nil {
			return nil, err
		}
		return nil, errors.New("mend the errors above first")
	}
	return in, nil
}

// declared are the vhosts that are meant, as far as that is known without the broker.
func (r *exporterRun) declared() []string {
	switch {
	case r.allVHosts:
		return nil
	case r.files != nil && len(r.files.state.VHosts()) > 0:
		return r.files.state.VHosts()
	}
	return []string{r.conn.VHost}
}

// printOnce prints what one collection finds.
func (r *exporterRun) printOnce(ctx context.Context) error {
	begin := time.Now()
	s, err := r.collect(ctx)
	if err != nil {
		return err
	}
	if len(s.Open) == 0 {
		return fmt.Errorf("vhost %q does not exist, or this login may not see it", s.Closed[0])
	}
	r.board.Show(s, time.Now(), time.Since(begin))
	return r.board.Write(r.deps.streams.Out)
}

// serve collects again and again until ctx ends.
func (r *exporterRun) serve(ctx context.Context) error {
	server, err := telemetry.Serve(ctx, r.listen, r.board, r.board.Ready)
	if err != nil {
		return fmt.Errorf("serve metrics on %s: %w", r.listen, err)
	}
	defer func() { _ = server.Close() }()
	r.log.Info("serving /metrics, /healthz and /readyz", "address", server.Addr, "vhosts", len(r.declared()))
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	for {
		r.round(ctx)
		select {
		case <-ctx.Done():
			r.log.Info("stopped")
			return nil
		case <-tick.C:
		}
	}
}

// leastPatience is how long a collection may take at least.
const leastPatience = 30 * time.Second

// round collects once and shows what came of it.
func (r *exporterRun) round(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, max(r.interval, leastPatience))
	defer cancel()
	begin := time.Now()
	s, err := r.collect(bounded)
	took := time.Since(begin)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		if !r.failing {
			r.log.Warn("the broker cannot be read; msgctl_up is 0 until it can", "error", profile.Redact(err.Error()))
		}
		r.failing = true
		r.board.Fail(err, took)
		r.close() // a password may have changed, and an address
	default:
		if r.board.Ready() != nil {
			r.log.Info("the broker can be read", "vhosts", len(s.Open), "dead_letter_queues", len(s.DeadLetters))
		}
		r.failing = false
		r.board.Show(s, time.Now(), took)
		r.log.Debug("collected", "took", took.Round(time.Millisecond).String())
	}
}

// close ends the connections. Everything is read anew after that.
func (r *exporterRun) close() {
	if r.broker != nil {
		r.broker.Close()
	}
	r.broker, r.open, r.readAt = nil, nil, time.Time{}
}

// trouble logs and counts what hides a part.
func (r *exporterRun) trouble(stage string, err error, attrs ...any) {
	r.board.Trouble(stage)
	r.log.Warn(profile.Redact(err.Error()), append(attrs, "stage", stage)...)
}

// fromStdin says that the files cannot be read again.
func (r *exporterRun) fromStdin() bool {
	return slices.Contains(r.exporterOptions.files.patterns, "-")
}
