package cmd

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// collect asks the broker. An error means that nothing can be said.
func (r *exporterRun) collect(ctx context.Context) (*exporter.Snapshot, error) {
	if r.broker == nil {
		b, err := openExporting(ctx, r.deps, r.conn)
		if err != nil {
			return nil, err
		}
		r.broker = b
	}
	fresh := time.Since(r.readAt) >= r.reread
	if fresh {
		if err := r.read(ctx); err != nil {
			return nil, err
		}
	}
	for _, vhost := range slices.Sorted(maps.Keys(r.open)) {
		if err := r.tolerate(ctx, vhost, r.open[vhost].CountLists(ctx)); err != nil {
			return nil, err
		}
	}
	if fresh {
		r.compare()
		r.readAt = time.Now()
	}
	s := &exporter.Snapshot{Open: slices.Sorted(maps.Keys(r.open)), Closed: r.closed, Drift: r.drift, Findings: r.findings}
	for _, vhost := range s.Open {
		if err := r.add(ctx, s, r.open[vhost]); err != nil {
			return nil, err
		}
	}
	if err := r.sampleDue(ctx, s.DeadLetters); err != nil {
		return nil, err
	}
	return s, nil
}

// read reads files and objects anew.
func (r *exporterRun) read(ctx context.Context) error {
	if r.files != nil && !r.readAt.IsZero() && !r.fromStdin() {
		r.readFilesAgain()
	}
	r.open, r.closed = map[string]*vhost.VHost{}, nil
	if !r.allVHosts {
		owner := ""
		if r.files != nil {
			owner = r.files.state.Owner()
		}
		live, err := r.broker.Owned(ctx, owner, r.declared())
		if err != nil {
			return err
		}
		for _, vhost := range r.declared() {
			if slices.Contains(live.MissingVHosts, vhost) {
				r.shut(vhost, errors.New("the vhost does not exist, or this login may not see it"))
				continue
			}
			r.open[vhost] = r.vhost(vhost, live)
			delete(r.told, vhost)
		}
		if r.files != nil {
			r.files.live = live
		}
		return nil
	}
	names, err := r.broker.VHosts(ctx)
	if err != nil {
		return err
	}
	for _, vhost := range names {
		live, err := r.broker.Everything(ctx, []string{vhost})
		if err == nil {
			r.open[vhost] = r.vhost(vhost, live)
			delete(r.told, vhost)
		}
		if err := r.tolerate(ctx, vhost, err); err != nil {
			return err
		}
	}
	return nil
}

// readFilesAgain goes on with what it knows when the files have errors now: then there is no drift
// to tell.
func (r *exporterRun) readFilesAgain() {
	in, err := r.readFiles()
	if err == nil && in == nil {
		err = errors.New("the topology file is gone")
	}
	if err != nil {
		r.trouble(exporter.StageFile, err)
		r.files.unread = true
		return
	}
	r.files = in
}

func (r *exporterRun) vhost(name string, live *topology.Live) *vhost.VHost {
	match, _ := compileMatch(r.match) // checked
	v := vhost.New(r.broker, name, vhostOptions(r.deps, r.conn, match))
	v.Live = live
	return v
}

// tolerate keeps a vhost that is closed to us, or was just deleted, from hiding the others.
func (r *exporterRun) tolerate(ctx context.Context, vhost string, err error) error {
	if err == nil || !r.allVHosts || ctx.Err() != nil || errors.Is(err, topology.ErrUnreachable) {
		return err
	}
	r.shut(vhost, err)
	return nil
}

// shut leaves a vhost out until everything is read again. It is logged when that is news.
func (r *exporterRun) shut(vhost string, err error) {
	delete(r.open, vhost)
	if !slices.Contains(r.closed, vhost) {
		r.closed = append(r.closed, vhost)
	}
	r.board.Trouble(exporter.StageVHost)
	if !r.told[vhost] {
		r.log.Warn("the vhost cannot be read; its msgctl_vhost_up is 0 until it can", "vhost", vhost, "error",
			profile.Redact(err.Error()))
	}
	if r.told == nil {
		r.told = map[string]bool{}
	}
	r.told[vhost] = true
}

// compare finds drift and faults. It comes after the counts, which rules look at.
func (r *exporterRun) compare() {
	r.drift, r.findings = nil, map[exporter.Finding]int{}
	if r.files == nil {
		for vhost, s := range r.open {
			in := &lintInput{state: s.Live.State.Only([]string{vhost}), vhosts: []string{vhost}, live: s.Live,
				version: s.Live.Server.Version}
			r.count(in)
		}
		return
	}
	if r.files.unread {
		return
	}
	r.files.version = r.files.live.Server.Version
	r.count(r.files)
	r.drift = map[string]map[topology.Action]int{"": {}}
	for _, vhost := range r.declared() {
		r.drift[vhost] = map[topology.Action]int{}
	}
	for _, step := range topology.Diff(r.files.state, r.files.live, topology.DiffOptions{Prune: true}).Steps {
		vhost := step.Ref.VHost
		if step.Ref.Kind == topology.KindVHost {
			vhost = step.Ref.Name
		}
		if r.drift[vhost] == nil {
			r.drift[vhost] = map[topology.Action]int{}
		}
		r.drift[vhost][step.Action]++
	}
}

// count counts what lint finds, but for what comments and the configuration let pass.
func (r *exporterRun) count(in *lintInput) {
	for _, f := range r.lint.Apply(in.ignore(in.lint())) {
		if f.Ignored == "" && f.Severity != lint.Off {
			r.findings[exporter.Finding{VHost: f.Ref.VHost, Severity: string(f.Severity), Rule: f.Rule}]++
		}
	}
}

// add tells what one vhost has.
func (r *exporterRun) add(ctx context.Context, s *exporter.Snapshot, v *vhost.VHost) error {
	for _, q := range v.Found.Queues {
		if q.Role == dlq.RoleDeadLetter {
			s.DeadLetters = append(s.DeadLetters, countsOf(v, q.Name))
		}
	}
	losing := map[string]bool{} // whether surely
	for _, l := range v.Found.Losing {
		if !l.Kept {
			losing[l.Queue] = losing[l.Queue] || l.Certainty == dlq.Surely
		}
	}
	for queue, surely := range losing {
		s.Losing = append(s.Losing, exporter.Losing{VHost: v.Name, Queue: queue, Surely: surely})
	}
	if r.files == nil {
		return nil
	}
	return r.addDeclared(ctx, s, v)
}

// addDeclared tells how full the queues of the file are. Their bytes are asked for where one has a
// limit in bytes.
func (r *exporterRun) addDeclared(ctx context.Context, s *exporter.Snapshot, v *vhost.VHost) error {
	limited := r.limitedInBytes(v.Name)
	var bytes map[string]int64
	if len(limited) > 0 {
		var err error
		if bytes, err = r.broker.ReadyBytes(ctx, v.Name); err != nil {
			return err
		}
	}
	for _, o := range r.files.state.Objects() {
		q, ok := o.(*topology.Queue)
		if !ok || q.VHost != v.Name || !v.Exists(q.Name) {
			continue
		}
		w := countsOf(v, q.Name)
		if n, known := bytes[q.Name]; known && limited[q.Name] {
			w.ReadyBytes = n
		}
		s.Queues = append(s.Queues, w)
	}
	return nil
}

// countsOf is a queue with its counts.
func countsOf(v *vhost.VHost, name string) exporter.Queue {
	n := v.Counts[name]
	return exporter.Queue{VHost: v.Name, Name: name, Ready: n.Ready, Unacked: n.Unacked, Consumers: n.Consumers,
		Known: n.Known, ReadyBytes: -1}
}
