package dlq

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// fake is a broker with a queue "work", whose dead letters go to "dlq", where three of them are,
// and two quorum queues that browsing would empty: "limited" has its delivery limit as an argument,
// "policed" by a policy, which an override can lift. What is not here is not asked.
type fake struct {
	Broker
	messages *pipelinetest.Broker
	mu       sync.Mutex
	asked    []string // the vhosts that were read
	limit    []string // what happened to the delivery limit of policed
	applied  string   // the policy that it has
}

func (f *fake) Everything(_ context.Context, vhosts []string) (*topology.Live, error) {
	f.mu.Lock()
	f.asked = append(f.asked, vhosts...)
	f.mu.Unlock()
	live := &topology.Live{}
	live.Server.Version = "4.0.5"
	for _, o := range []topology.Object{
		&topology.Queue{VHost: vhosts[0], Name: "work", Type: topology.Classic, Durable: true,
			Arguments: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"}},
		&topology.Queue{VHost: vhosts[0], Name: "dlq", Type: topology.Classic, Durable: true},
		&topology.Queue{VHost: vhosts[0], Name: "limited", Type: topology.Quorum, Durable: true,
			Arguments: map[string]any{"x-delivery-limit": int64(0)}},
		&topology.Queue{VHost: vhosts[0], Name: "policed", Type: topology.Quorum, Durable: true},
		&topology.Policy{VHost: vhosts[0], Name: "limits", Pattern: "^policed$", ApplyTo: topology.ApplyToQueues,
			Definition: topology.Arguments{"delivery-limit": int64(0)}},
		&topology.Exchange{VHost: vhosts[0], Name: "x", Type: "topic", Durable: true},
		&topology.Queue{VHost: vhosts[0], Name: "log", Type: topology.Stream, Durable: true},
	} {
		if err := live.Add(o, diag.Position{}); err != nil {
			return nil, err
		}
	}
	return live, nil
}

func (f *fake) Counts(context.Context, string) (map[string]topology.QueueCounts, error) {
	return map[string]topology.QueueCounts{"work": {Known: true}, "dlq": {Ready: 3, Known: true},
		"limited": {Ready: 2, Known: true}, "log": {Ready: 2, Known: true},
		"policed": {Ready: 3, Known: true}}, nil
}

func (f *fake) Ready(_ context.Context, _, queue string) (int64, error) {
	return map[string]int64{"dlq": 3, "limited": 2, "log": 2, "policed": 3}[queue], nil
}

func (f *fake) ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error) {
	return f.Ready(ctx, vhost, queue)
}

func (f *fake) MessageBytes(context.Context, string, string) (bytes, messages int64, err error) {
	return -1, 0, nil
}

// CreateTemporary implements browse.PolicyStore, as the next two.
func (f *fake) CreateTemporary(_ context.Context, want topology.Object) error {
	policy := want.(*topology.Policy)
	f.limit = append(f.limit, fmt.Sprint("lifted to ", policy.Definition["delivery-limit"]))
	f.applied = policy.Name
	return nil
}

func (f *fake) Delete(context.Context, topology.Object, topology.DeleteConditions) error {
	f.limit = append(f.limit, "restored")
	return nil
}

func (f *fake) Applied(context.Context, string, string) (policy, operator string, err error) {
	return f.applied, "", nil
}

func (f *fake) Source(string) consume.Source             { return f.messages }
func (f *fake) Dialer(string) publish.Dialer             { return f.messages }
func (f *fake) Close()                                   {}
func (f *fake) VHosts(context.Context) ([]string, error) { return []string{"/", "other"}, nil }

// call is one call of a command, with what it was answered.
type call struct {
	*fake
	args           []string
	stdout, stderr strings.Builder
	code           int
}

// run runs a command of the group with fakes of all it uses.
func run(t *testing.T, command func(*cmdutil.Process, OpenBroker) *cobra.Command, args ...string) *call {
	t.Helper()
	c := &call{fake: &fake{messages: pipelinetest.New(1, 3)}, args: args}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &c.stdout, &c.stderr, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	cmd := command(p, func(context.Context, *profile.Connection, string) (Broker, error) { return c.fake, nil })
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(cmdutil.FlagError)
	cmd.SetArgs(args)
	c.code = p.Report(t.Context(), cmd.ExecuteContext(t.Context()))
	return c
}

// handed runs a command whose function keeps the options that it was handed; ok says that it was
// called.
func handed[O any, R any](t *testing.T, command func(*cmdutil.Process, OpenBroker,
	func(context.Context, O) (R, error)) *cobra.Command, args ...string) (got O, ok bool, c *call) {
	t.Helper()
	c = run(t, func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
		return command(p, open, func(_ context.Context, o O) (result R, _ error) {
			got, ok = o, true
			return result, nil
		})
	}, args...)
	return got, ok, c
}

// flagCase is a flag with what it has to be handed on as. It does not hold without the flag.
type flagCase[O any] struct {
	args  []string
	holds func(O) bool
}

// checkFlags checks that every flag reaches the options, and that the case would notice if not.
func checkFlags[O any, R any](t *testing.T, command func(*cmdutil.Process, OpenBroker,
	func(context.Context, O) (R, error)) *cobra.Command, base []string, cases []flagCase[O]) {
	t.Helper()
	plain, ok, c := handed(t, command, base...)
	if !ok || c.code != cmdutil.ExitOK {
		t.Fatalf("%q: called %t, exit code %d\n%s", base, ok, c.code, c.stderr.String())
	}
	for _, f := range cases {
		args := append(append([]string{}, base...), f.args...)
		got, ok, c := handed(t, command, args...)
		switch {
		case !ok || c.code != cmdutil.ExitOK:
			t.Errorf("%q: called %t, exit code %d\n%s", args, ok, c.code, c.stderr.String())
		case !f.holds(got):
			t.Errorf("%q is not handed on: %+v", args, got)
		case f.holds(plain):
			t.Errorf("%q: the case holds without the flag", args)
		}
	}
}

// refusal is a call that does nothing, with its exit code and words of its error.
type refusal struct {
	args []string
	code int
	text string
}

// checkRefusals checks that nothing is done, and why.
func checkRefusals[O any, R any](t *testing.T, command func(*cmdutil.Process, OpenBroker,
	func(context.Context, O) (R, error)) *cobra.Command, cases []refusal) {
	t.Helper()
	for _, r := range cases {
		_, ok, c := handed(t, command, r.args...)
		if ok || c.code != r.code || !strings.Contains(c.stderr.String(), r.text) {
			t.Errorf("%q: called %t, exit code %d, want %d\n%s", r.args, ok, c.code, r.code, c.stderr.String())
		}
	}
}

func file(t *testing.T, name string) string { t.Helper(); return filepath.Join(t.TempDir(), name) }

func meant(s replay.Selection) bool {
	m := pipelinetest.DeadMessage(1)
	ok, err := s.Where(&m)
	return ok && err == nil
}
