package dlq

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/filter"
	"github.com/msgctl/msgctl/pkg/topology"
)

// selectOptions are the flags that select messages.
type selectOptions struct {
	where string
	ids   []string
	older cmdutil.DurationFlag
	// limit is the maximum number of messages; 0 means all.
	limit int64
}

func (o *selectOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.where, "where", "",
		"only messages that match this `EXPRESSION`, such as 'reason == \"rejected\" && body.total > 100'")
	flags.StringArrayVar(&o.ids, "id", nil, "only the message with this message `ID`; may be repeated")
	flags.Var(&o.older, "older-than", "only messages that died longer ago than this: 90s, 2h, 7d")
}

// registerLimit adds --limit to a command that acts on messages; what names the action in plain
// words.
func (o *selectOptions) registerLimit(cmd *cobra.Command, what string) {
	cmd.Flags().Int64VarP(&o.limit, "limit", "n", 0, what+" at most this many messages; 0 is no limit")
}

// any reports whether the flags select only some of the messages, whatever the limit.
func (o *selectOptions) any() bool { return o.where != "" || len(o.ids) > 0 || o.older > 0 }

// mayReorder reports whether messages that a run returns to a queue may come behind others. A
// quorum queue keeps returned messages apart, and older brokers send some to its end (facts
// returns-before-all, nacks-without-limit).
func mayReorder(q *topology.Queue) bool { return q.Type == topology.Quorum }

// reordering adds to what taking messages from a queue does to it that what stays may lose its
// order.
func (o *selectOptions) reordering(q *topology.Queue, l browse.Assessment) browse.Assessment {
	if mayReorder(q) && (o.any() || o.limit > 0) {
		l.Notes = append(slices.Clone(l.Notes), browse.Note{Effect: browse.EffectReordered,
			Text: "messages that were fetched and stay may come behind the rest of the queue"})
	}
	return l
}

// check refuses wrong flags before anything is dialled.
func (o *selectOptions) check(cmd *cobra.Command) error {
	if o.limit < 0 {
		return cmdutil.UsageError("0 is no limit", "%sflag --limit: %d is negative", cmdutil.Where(cmd), o.limit)
	}
	if o.where == "" {
		return nil
	}
	_, err := filter.Compile(o.where, filter.Options{})
	return cmdmsg.ExpressionError(cmd, "--where", err)
}

// selected is a compiled selection. It counts the messages that it could not evaluate.
type selected struct {
	replay.Selection
	mu      sync.Mutex
	unknown int64
	example string
}

func (o *selectOptions) compile(isWait func(string) bool) (*selected, error) {
	s := &selected{Selection: replay.Selection{IDs: o.ids, OlderThan: time.Duration(o.older)}}
	if o.where == "" {
		return s, nil
	}
	f, err := filter.Compile(o.where, filter.Options{IsWaitQueue: isWait})
	if err != nil {
		return nil, err
	}
	s.Where = func(m *message.Message) (bool, error) {
		ok, err := f.Match(m)
		var not *filter.NotComparable
		if errors.As(err, &not) {
			if !not.AbsentHeader {
				s.note(not.Error())
			}
			return false, nil
		}
		return ok, err
	}
	return s, nil
}

func (s *selected) note(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown++; s.example == "" {
		s.example = why
	}
}

// warn reports how many messages were left out because the condition could not be evaluated.
func (s *selected) warn(d *cmdutil.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown > 0 {
		what := "--where"
		if s.Where == nil {
			what = "the selection"
		}
		d.Warn(fmt.Sprintf("%s could not be evaluated for %s, which therefore did not match: %s", what,
			terminal.FormatPlural(s.unknown, "message", "messages"), s.example))
	}
}
