package dlq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// connectedVHost is the vhost that a dlq command works on, with what errors about it mention.
type connectedVHost struct {
	*vhost.VHost
	proc       *cmdutil.Process
	command    string
	given      string // the given flags, for a corrected command line
	connection *profile.Connection
	broker     Broker
}

// openVHost connects and reads the vhost.
func openVHost(ctx context.Context, d *cmdutil.Process, open OpenBroker, command string,
	flags *profile.Flags) (*connectedVHost, error) {
	v, err := connectVHost(ctx, d, open, command, flags, nil)
	if err != nil {
		return nil, err
	}
	if err := v.Read(ctx); err != nil {
		v.close()
		return nil, cmdmsg.AdviseMissing(err)
	}
	return v, nil
}

// connectVHost prepares a vhost without reading it.
func connectVHost(ctx context.Context, d *cmdutil.Process, open OpenBroker, command string, flags *profile.Flags,
	match *regexp.Regexp) (*connectedVHost,
	error) {
	conn, err := d.Connection(flags)
	if err != nil {
		return nil, err
	}
	b, err := open(ctx, conn, command)
	if err != nil {
		return nil, err
	}
	v := vhost.New(b, conn.VHost, cmdmsg.VHostOptions(d, conn, match))
	return &connectedVHost{VHost: v, proc: d, command: command, connection: conn, broker: b}, nil
}

func (v *connectedVHost) close() { v.broker.Close() }

// lookup returns a queue of the vhost, or an error that suggests the likely name. It warns of a
// delivery limit that another command lifts, or left lifted.
func (v *connectedVHost) lookup(name string) (*topology.Queue, error) {
	q, err := v.Queue(name)
	if err != nil {
		return nil, cmdmsg.AdviseMissing(err)
	}
	for _, l := range browse.LiftedLimits(&v.Live.State) {
		if l.VHost == v.Name && l.Queue == name {
			v.proc.Warn(l.String())
		}
	}
	return q, nil
}

// heldByOthers is how many messages of a queue other consumers held when it was counted. The count
// of a quorum queue is some seconds late (fact totals-are-late) and may include what a command held
// that has just ended. So it is believed only while the queue has a consumer.
func (v *connectedVHost) heldByOthers(q *topology.Queue) int64 {
	n := v.Counts[q.Name]
	if q.Type == topology.Stream || q.Type == topology.Quorum && n.Consumers == 0 {
		return 0
	}
	return n.Unacked
}

// tellHeld says that messages are not seen because other consumers hold them.
func (v *connectedVHost) tellHeld(q *topology.Queue) {
	if n := v.heldByOthers(q); n > 0 {
		v.proc.Note(fmt.Sprintf("%s held by another consumer of queue %s, and not shown.",
			terminal.FormatPlural(n, "message is", "messages are"), q.Name))
	}
}

// assess checks whether a queue may be browsed; an error says what would allow it. limit is how
// many messages are browsed, 0 for all.
func (v *connectedVHost) assess(ctx context.Context, q *topology.Queue, o browseOptions,
	limit int64) (browse.Assessment, error) {
	l, err := v.Assess(ctx, q, o.assess(limit))
	return l, v.adviseRefused(err)
}

// adviseRefused adds the flags that would allow browsing that was refused.
func (v *connectedVHost) adviseRefused(err error) error {
	var refused *vhost.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	command := "msgctl " + v.command + " " + shell.Quote(refused.Assessment.Queue)
	var advice []string
	if refused.Assessment.Allow == browse.PermitOverride {
		advice = append(advice, command+" --guard"+v.given+"   lifts the limit with a temporary policy")
	}
	if refused.Assessment.Allow != browse.PermitNone {
		advice = append(advice, command+" --force"+v.given+"   continues in spite of the risk")
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: strings.Join(advice, "\n")}
}
