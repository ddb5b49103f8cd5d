package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/topology"
)

// lookOptions are the flags that allow what is refused otherwise.
type lookOptions struct {
	guard, force bool
}

func (o *lookOptions) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.guard, "guard", false,
		"lift the delivery limit of a quorum queue with a policy of msgctl's own meanwhile")
	cmd.Flags().BoolVar(&o.force, "force", false, "go ahead where messages could be dropped or dead-lettered again")
}

func (o lookOptions) assess(limit int64) dlq.AssessOptions {
	return dlq.AssessOptions{Limit: limit, Guard: o.guard, Force: o.force}
}

// tell says once, before it is done, what reading a queue does to it.
func (d *deps) tellLook(q *topology.Queue, l dlq.Looking, what string) {
	if len(l.Notes) == 0 {
		return
	}
	style := d.streams.ErrStyler(d.colour)
	notes := make([]string, len(l.Notes))
	for i, n := range l.Notes {
		notes[i] = n.Text
	}
	text := fmt.Sprintf("%s %s queue %s: %s.", what, q.Type, q.Name, strings.Join(notes, "; "))
	for _, line := range terminal.Wrap(terminal.Neutralise(text), d.streams.ErrWidth()) {
		fmt.Fprintln(d.streams.Err, style.Dim(line))
	}
}
