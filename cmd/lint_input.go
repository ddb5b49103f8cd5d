package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/graph"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// lintInput is what there is to look at.
type lintInput struct {
	inputs   []spec.Input
	unread   bool // the inputs could not be read at all: what is declared is not known
	state    *topology.State
	problems diag.Diagnostics
	external map[topology.Ref]bool
	events   []lint.Event
	live     *topology.Live
	version  string
	vhosts   []string // nil: all of the state
}

var errNoFiles = errors.New("no files")

// read reads the files, the broker, or both.
func (o *sourceOptions) read(ctx context.Context, d *deps, command string, flags *profile.Flags) (*lintInput, error) {
	if err := o.check(command); err != nil {
		return nil, err
	}
	in := &lintInput{version: o.broker.value}
	if !o.live {
		in.version = cmp.Or(o.broker.value, capability.NewestLine)
		return in, in.readFiles(d, &o.files, vhostChoice{})
	}
	conn, err := d.connection(flags)
	if err != nil {
		return nil, err
	}
	if o.both {
		err := in.readFiles(d, &o.files, chooseVHost(conn))
		if err != nil && !errors.Is(err, errNoFiles) {
			return nil, err
		}
	}
	return in, in.readLive(ctx, d, conn, command)
}

func (in *lintInput) readFiles(d *deps, files *fileOptions, vhost vhostChoice) error {
	names, err := files.names(d, "")
	if err != nil {
		if files.none(d) {
			return fmt.Errorf("%w%w", errNoFiles, err)
		}
		return err
	}
	if in.inputs, err = spec.Files(names, spec.FileSystem{Stdin: d.streams.In}); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	s, problems := spec.Load(in.inputs, spec.Options{
		Env: source.Lookup(d.env), DefaultVHost: vhost.fallback, VHost: vhost.override,
		Exists: func(path string) bool { _, err := os.Stat(path); return err == nil },
	})
	in.problems = problems
	if s == nil {
		in.state, in.unread = &topology.State{}, true
		return nil
	}
	state, more := s.Resolve()
	in.state, in.problems = state, append(in.problems, more...)
	in.external = s.Externals()
	for _, p := range s.Published() {
		in.events = append(in.events, lint.Event{VHost: p.VHost, Name: p.Type, Exchange: p.Exchange, Key: p.Key,
			Position: p.Position})
	}
	return nil
}

// readLive reads the vhosts of the files, or that of the connection.
func (in *lintInput) readLive(ctx context.Context, d *deps, conn *profile.Connection, command string) error {
	b, err := openBroker(ctx, d, conn, command, false)
	if err != nil {
		return err
	}
	defer b.Close()
	vhosts := []string{conn.VHost}
	if in.state != nil {
		vhosts = in.state.VHosts()
	}
	live, err := b.Everything(ctx, vhosts)
	if err != nil {
		return err
	}
	if err := missing(live); err != nil {
		return err
	}
	if err := refine(ctx, b, live); err != nil {
		return err
	}
	in.live = live
	if in.version == "" {
		in.version = cmp.Or(live.Server.Version, capability.NewestLine)
	}
	if in.state == nil {
		in.state, in.vhosts = live.State.Only(vhosts), vhosts
	}
	return nil
}

// mostRefined is how many queues are counted one by one: what the broker's statistics say is some
// seconds old.
const mostRefined = 1000

func refine(ctx context.Context, b broker, live *topology.Live) error {
	var queues []topology.Ref
	for ref := range live.All() {
		if ref.Kind == topology.KindQueue {
			queues = append(queues, ref)
		}
	}
	if len(queues) > mostRefined {
		return nil
	}
	slices.SortFunc(queues, topology.Ref.Compare)
	return b.Refine(ctx, live, queues)
}

// lint finds everything that rules find, before comments and configuration have their say.
func (in *lintInput) lint() []lint.Finding {
	input := lint.Input{
		State: in.state, Version: in.version, Problems: in.problems, External: in.external, Events: in.events, Letters: letters(in.state, in.version),
		Literal: in.literal,
	}
	input.Problems = append(slices.Clone(in.problems), topology.CheckVersion(in.state, in.version)...)
	if in.live != nil {
		input.Live = in.liveInput()
	}
	list := lint.Run(input)
	in.point(list)
	return list
}

// letters finds out where dead letters go.
func letters(state *topology.State, version string) lint.Letters {
	found := dlq.Discover(state, dlq.DiscoverOptions{Version: version})
	var l lint.Letters
	for _, x := range found.Losing {
		l.Losses = append(l.Losses, lint.Loss{
			Queue: topology.Ref{Kind: topology.KindQueue, VHost: x.VHost,
				Name: x.Queue}, Exchange: x.Exchange, From: x.From, Key: x.Key,
			All: x.All, Certain: x.Certainty == dlq.Surely, Kept: x.Kept, Replayed: x.Straight, Reason: x.Reason,
		})
	}
	l.Waits = found.Waits(state)
	for _, q := range found.Queues {
		if q.Role != dlq.RoleDeadLetter || len(q.Sources) == 0 {
			continue
		}
		from := make([]string, len(q.Sources)) // ordered by queue
		for i, s := range q.Sources {
			from[i] = s.Queue
		}
		from = slices.Compact(from)
		l.Queues = append(l.Queues, lint.LetterQueue{Queue: q.Ref(), From: from})
	}
	return l
}

func (in *lintInput) literal(text string) bool {
	if len(in.inputs) == 0 {
		return true
	}
	return slices.ContainsFunc(in.inputs, func(i spec.Input) bool { return bytes.Contains(i.Data, []byte(text)) })
}

// liveInput compares the files with the broker.
func (in *lintInput) liveInput() *lint.Live {
	l := &lint.Live{Live: in.live}
	if len(in.inputs) == 0 {
		return l
	}
	l.Drift = map[topology.Ref]string{}
	for _, s := range topology.Diff(in.state, in.live, topology.DiffOptions{}).Steps {
		l.Drift[s.Ref] = driftText(s)
	}
	l.Owned = func(ref topology.Ref) bool {
		if in.state.Has(ref) {
			return true
		}
		for _, o := range in.live.Ownership {
			if o.Refs[ref] {
				return true
			}
		}
		return false
	}
	return l
}

func driftText(s topology.Step) string {
	switch s.Action {
	case topology.Create:
		return "the files declare it and the broker does not have it"
	case topology.Delete:
		return "the broker has it and the files do not"
	}
	text := "it is not as the files say"
	for i, c := range s.Changes {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += fmt.Sprintf("%s%s is %v, not %v", sep, c.Field, describe(c.Have), describe(c.Want))
	}
	return text
}

func describe(v any) string {
	if v == nil {
		return "absent"
	}
	return amqptable.Canonical(v)
}

// point adds JSON Pointers to findings in JSON files.
func (in *lintInput) point(list []lint.Finding) {
	wanted := map[diag.Position]bool{}
	for _, f := range list {
		wanted[f.Position] = true
	}
	pointers := map[string]map[diag.Position]string{}
	for i := range list {
		f := &list[i]
		if f.Position.Line == 0 {
			continue
		}
		if _, ok := pointers[f.Position.File]; !ok {
			pointers[f.Position.File] = in.pointers(f.Position.File, wanted)
		}
		f.Pointer = pointers[f.Position.File][f.Position]
	}
}

func (in *lintInput) pointers(file string, wanted map[diag.Position]bool) map[diag.Position]string {
	i := slices.IndexFunc(in.inputs, func(i spec.Input) bool { return i.Name == file })
	if i < 0 || source.FormatOf(file, in.inputs[i].Data) != source.JSON {
		return nil
	}
	docs, _ := source.Parse(file, in.inputs[i].Data)
	if len(docs) != 1 {
		return nil
	}
	return docs[0].Pointers(wanted)
}

// graphProblems are the findings that the picture shows, and the queues whose dead letters are
// lost.
func graphProblems(in *lintInput) (problems map[topology.Ref][]graph.Problem, losing map[topology.Ref]bool) {
	problems, losing = map[topology.Ref][]graph.Problem{}, map[topology.Ref]bool{}
	for _, f := range in.lint() {
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
