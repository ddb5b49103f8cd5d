package dlq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
)

// addReaches adds to a document which queues get copies of messages sent to an exchange, and which
// of the queues drop messages.
func (v *connectedVHost) addReaches(ctx context.Context, doc *deadletters.RunDocument) {
	doc.VHost = v.Name
	for i, t := range doc.Targets {
		if t.Exchange == "" {
			if text := v.MayExpire(t.Key); text != "" {
				doc.Targets[i].Drops = []string{text}
			}
			continue
		}
		sure, possible := v.reach(t)
		doc.Targets[i].Reaches, doc.Targets[i].Possibly = sure, possible
		doc.Targets[i].ComesBack = doc.Queue != "" && slices.Contains(slices.Concat(sure, possible), doc.Queue)
		doc.Targets[i].Drops = v.Drops(ctx, slices.Concat(sure, possible))
	}
}

// reach returns which queues get copies of messages sent to an exchange, including by the keys in
// CC. Queues that only some of the messages reach are marked as possible.
func (v *connectedVHost) reach(t deadletters.TargetDocument) (sure, possible []string) {
	r := v.Reaches(publish.Target{Exchange: t.Exchange, Key: t.Key})
	sure, possible = append([]string{}, r.Sure...), slices.Clone(r.Possible)
	for _, key := range slices.Sorted(maps.Keys(t.CC)) {
		further := v.Reaches(publish.Target{Exchange: t.Exchange, Key: key})
		if t.CC[key] == t.Messages {
			sure = append(sure, further.Sure...)
		} else {
			possible = append(possible, further.Sure...)
		}
		possible = append(possible, further.Possible...)
	}
	slices.Sort(sure)
	slices.Sort(possible)
	sure = slices.Compact(sure)
	possible = slices.DeleteFunc(slices.Compact(possible), func(q string) bool { return slices.Contains(sure, q) })
	return sure, possible
}

// parseTo parses --to.
func parseTo(cmd *cobra.Command, text string) (replay.Destination, error) {
	to, err := replay.ParseDestination(text)
	if err != nil {
		return to, cmdutil.UsageError("write --to origin, --to queue:NAME, --to exchange:NAME or --to exchange:NAME/KEY",
			"%sflag --to: %v", cmdutil.Where(cmd), err)
	}
	return to, nil
}

// inWords describes the destination, for a question.
func inWords(to replay.Destination) string {
	switch to.Kind {
	case replay.ToOrigin:
		return "to the exchanges and keys they were published with"
	case replay.ToQueue:
		return "to queue " + to.Queue
	case replay.ToExchange:
		if to.HasKey {
			return fmt.Sprintf("to exchange %s with key %q", to.Exchange, to.Key)
		}
		return "to exchange " + to.Exchange
	}
	return "back to where they died"
}

// flagsGiven returns the given flags without the queue, for a corrected command line.
func flagsGiven(cmd *cobra.Command) string {
	var b strings.Builder
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "all" {
			return // takes the place of a queue
		}
		if list, ok := f.Value.(pflag.SliceValue); ok && f.Value.Type() == "stringArray" {
			for _, v := range list.GetSlice() {
				b.WriteString(" --" + f.Name + "=" + shell.Quote(v))
			}
			return
		}
		if f.NoOptDefVal != "" && f.Value.String() == f.NoOptDefVal {
			b.WriteString(" --" + f.Name)
			return
		}
		b.WriteString(" --" + f.Name + "=" + shell.Quote(strings.Trim(f.Value.String(), "[]")))
	})
	return b.String()
}
