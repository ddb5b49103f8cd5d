package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// Problem is something that keeps a broker from doing its work, or soon will.
type Problem struct {
	// ID is the same for all problems of one kind.
	ID      string  `json:"id"`
	Verdict Verdict `json:"severity"`
	Text    string  `json:"text"`
	// Next is what to type, or to do.
	Next string `json:"next"`
}

// DeadLetters is a queue in which messages wait that failed.
type DeadLetters struct {
	VHost string `json:"vhost"`
	Queue string `json:"queue"`
	Ready int64  `json:"ready"`
}

// Loss is a queue whose dead letters reach no queue.
type Loss struct {
	VHost  string `json:"vhost"`
	Queue  string `json:"queue"`
	Reason string `json:"reason"`
}

// Letters are where dead letters are, and where they get lost.
type Letters struct {
	Waiting []DeadLetters
	Losing  []Loss
	// Idle are queues with messages and without a consumer, dead-letter queues aside.
	Idle []DeadLetters
	// Unsure are sentences about what could not be judged.
	Unsure []string
}

// The marks from which a node is near a limit, in parts of a hundred.
const (
	nearMemory = 80
	nearFDs    = 80
)

// Problems judges whether a broker can do its work now, the worst first.
func Problems(f *Facts, l Letters) []Problem {
	var list []Problem
	add := func(v Verdict, id, next, format string, args ...any) {
		list = append(list, Problem{ID: id, Verdict: v, Text: fmt.Sprintf(format, args...), Next: next})
	}
	for _, n := range f.Nodes {
		n.problems(add)
	}
	connectionProblems(f, add)
	queueProblems(f, add)
	for _, x := range l.Losing {
		add(Error, "dead-letters-lost", "msgctl lint --live --vhost "+shell.Quote(x.VHost),
			"queue %q of vhost %q loses its dead letters: %s", x.Queue, x.VHost, x.Reason)
	}
	for _, x := range l.Waiting {
		add(Warning, "dead-letters", fmt.Sprintf("msgctl dlq inspect %s --vhost %s --group-by reason", shell.Quote(x.Queue),
			shell.Quote(x.VHost)), "%s in queue %q of vhost %q",
			terminal.FormatPlural(x.Ready, "dead letter waits", "dead letters wait"), x.Queue, x.VHost)
	}
	for _, x := range l.Idle {
		add(Warning, "no-consumer", "start its consumer, or remove the queue or its bindings",
			"queue %q of vhost %q has %s and no consumer",
			x.Queue, x.VHost, terminal.FormatPlural(x.Ready, "message", "messages"))
	}
	slices.SortStableFunc(list, func(a, b Problem) int { return cmp.Compare(b.Verdict.rank(), a.Verdict.rank()) })
	return list
}

// Worst returns the worst verdict of problems.
func Worst(list []Problem) Verdict {
	v := OK
	for _, p := range list {
		v = worse(v, p.Verdict)
	}
	return v
}

type adder func(v Verdict, id, next, format string, args ...any)

func (n *Node) problems(add adder) {
	if !n.Running {
		add(Error, "node-down", "look at its log, and start it", "node %q is not running", n.Name)
		return
	}
	switch {
	case n.MemAlarm:
		add(Error, "memory-alarm", "publishers are blocked until consumers catch up: find the long queues (msgctl "+
			"status), or raise vm_memory_high_watermark",
			"node %q has a memory alarm: it uses %s, its limit is %s", n.Name, units.RoundMemory(n.MemUsed), units.RoundMemory(n.MemLimit))
	case n.MemLimit > 0 && n.MemUsed*100 >= n.MemLimit*nearMemory:
		add(Warning, "memory-near-limit",
			"at the limit publishers are blocked: find the long queues, or raise vm_memory_high_watermark",
			"node %q uses %s of memory, its limit is %s", n.Name, units.RoundMemory(n.MemUsed), units.RoundMemory(n.MemLimit))
	}
	switch {
	case n.DiskAlarm:
		add(Error, "disk-alarm", "publishers are blocked until there is space: make room, or lower disk_free_limit",
			"node %q has a disk alarm: %s are free, its limit is %s", n.Name, units.RoundMemory(n.DiskFree), units.RoundMemory(n.DiskLimit))
	case n.DiskLimit > 0 && n.DiskFree < 2*n.DiskLimit:
		add(Warning, "disk-near-limit", "at the limit publishers are blocked: make room",
			"node %q has %s of disk free, its limit is %s", n.Name,
			units.RoundMemory(n.DiskFree), units.RoundMemory(n.DiskLimit))
	}
	if n.FDTotal > 0 && n.FDUsed*100 >= n.FDTotal*nearFDs {
		add(Warning, "file-descriptors-near-limit", "at the limit connections are refused: raise the limit of open files",
			"node %q uses %d of %d file descriptors", n.Name, n.FDUsed, n.FDTotal)
	}
	if n.Draining {
		add(Warning, "maintenance", "rabbitmq-upgrade revive ends it", "node %q is in maintenance mode: it takes no clients",
			n.Name)
	}
	if len(n.Partitions) > 0 {
		add(Error, "partition", "see rabbitmq.com/docs/partitions before restarting anything", "node %q has lost sight of %s",
			n.Name, some(n.Partitions))
	}
}

func connectionProblems(f *Facts, add adder) {
	var blocked []string
	for _, c := range f.Connections {
		if c.State == "blocked" || c.State == "blocking" {
			blocked = append(blocked, c.Name)
		}
	}
	if len(blocked) > 0 {
		add(Error, "connections-blocked", "an alarm blocks who publishes: see the nodes", "%s: %s",
			plural(len(blocked), "connection is blocked", "connections are blocked"), some(blocked))
	}
}

// remedy says what brings a queue back that is in a state. Crashed queues of 3.10.8, 4.0.5 and
// 4.3.6 were seen to be back with their messages after their node's stop_app and start_app, and to
// stay as they were after rabbitmqctl restart_vhost.
func remedy(state string) string {
	switch state {
	case membersMissing:
		return "it still works: start the nodes of its other members"
	case "crashed":
		return "it serves no client until its node, whose log says why it crashed, is started anew: its persistent " +
			"messages are back then"
	case "stopped":
		return "it serves no client until its node, whose log says why its vhost was stopped, is started anew"
	case "down":
		return "it serves no client until its node is back: start it"
	}
	return "it serves no client until enough of its members are back: start their nodes"
}

// queueProblems reports queues that are not there for clients, by state.
func queueProblems(f *Facts, add adder) {
	byState := map[string][]string{}
	for _, q := range f.Queues {
		if state := q.Trouble(); state != "" {
			byState[state] = append(byState[state], q.VHost+"/"+q.Name)
		}
	}
	for _, state := range slices.Sorted(maps.Keys(byState)) {
		verdict := Error
		if state == membersMissing {
			verdict = Warning
		}
		add(verdict, "queue-unavailable", remedy(state), "%s %s: %s", plural(len(byState[state]), "queue is", "queues are"),
			state, some(byState[state]))
	}
}

// membersMissing is the trouble of a queue that still has a majority.
const membersMissing = "with members missing"

// Trouble says in a word what keeps clients from a queue, "" when nothing does. A queue that nobody
// uses for a while is "idle" in the statistics of old brokers.
func (q *Queue) Trouble() string {
	switch q.State {
	case "running", "idle", "flow", "", "live":
	case "minority":
		return "without a majority of members"
	default:
		return q.State
	}
	switch up := len(q.Online); {
	case len(q.Members) == 0 || up >= len(q.Members):
		return ""
	case up*2 <= len(q.Members):
		return "without a majority of members"
	}
	return membersMissing
}
