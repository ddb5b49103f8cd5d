package health

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

// Problem is something that keeps a broker from its work, or soon will.
type Problem struct {
	// ID is the same for all problems of one kind.
	ID       string `json:"id"`
	Severity Status `json:"severity"`
	Text     string `json:"text"`
	// Next is what to do; "" for a problem of dead letters, about which a command of msgctl tells
	// more.
	Next string `json:"next"`
	// Queue and VHost are what a problem of dead letters is about.
	Queue string `json:"-"`
	VHost string `json:"-"`
}

// The problems of dead letters, by ID.
const (
	DeadLettersLost  = "dead-letters-lost"
	DeadLettersExist = "dead-letters"
)

// Backlog is a queue with messages that are not consumed.
type Backlog struct {
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

// DeadLetters is where dead letters are, and where they are lost.
type DeadLetters struct {
	// Waiting are the dead-letter queues that hold messages, Losing the queues whose dead letters
	// reach no queue.
	Waiting []Backlog
	Losing  []Loss
	// Idle are the other queues with messages and without a consumer.
	Idle []Backlog
	// Lifted are delivery limits that a command lifts, or that a killed one may have left lifted.
	Lifted []Lifted
	// Interrupted are migrations of queues on which no msgctl is at work.
	Interrupted []Interrupted
	// Unsure says, in sentences, what could not be judged.
	Unsure []string
}

// Lifted says that a temporary policy lifts a queue's delivery limit, and how to put it back.
type Lifted struct{ Text, Next string }

// Interrupted says that a migration of a queue was interrupted, and how to go on.
type Interrupted struct{ Text, Next string }

// The percentages from which a node is near a limit.
const (
	nearMemory = 80
	nearFDs    = 80
)

// Problems judges whether a broker can do its work now, the worst first.
func Problems(f *Facts, l DeadLetters) []Problem {
	var list problemList
	for _, n := range f.Nodes {
		n.problems(&list)
	}
	connectionProblems(f, &list)
	queueProblems(f, &list)
	for _, x := range l.Losing {
		list = append(list, Problem{ID: DeadLettersLost, Severity: Error, Queue: x.Queue, VHost: x.VHost,
			Text: fmt.Sprintf("queue %q of vhost %q loses its dead letters: %s", x.Queue, x.VHost, x.Reason)})
	}
	for _, x := range l.Waiting {
		list = append(list, Problem{ID: DeadLettersExist, Severity: Warning, Queue: x.Queue, VHost: x.VHost,
			Text: fmt.Sprintf("%s in queue %q of vhost %q",
				terminal.FormatPlural(x.Ready, "dead letter waits", "dead letters wait"), x.Queue, x.VHost)})
	}
	for _, x := range l.Idle {
		list.add(Warning, "no-consumer", "start its consumer, or delete the queue or its bindings",
			"queue %q of vhost %q has %s and no consumer",
			x.Queue, x.VHost, terminal.FormatPlural(x.Ready, "message", "messages"))
	}
	for _, x := range l.Lifted {
		list.add(Warning, "limit-lifted", x.Next, "%s", x.Text)
	}
	for _, x := range l.Interrupted {
		list.add(Warning, "migration-interrupted", x.Next, "%s", x.Text)
	}
	slices.SortStableFunc(list, func(a, b Problem) int { return cmp.Compare(b.Severity.rank(), a.Severity.rank()) })
	return list
}

// Worst returns the worst severity of the problems.
func Worst(list []Problem) Status {
	v := OK
	for _, p := range list {
		v = worse(v, p.Severity)
	}
	return v
}

// problemList collects problems.
type problemList []Problem

func (l *problemList) add(severity Status, id, next, format string, args ...any) {
	*l = append(*l, Problem{ID: id, Severity: severity, Text: fmt.Sprintf(format, args...), Next: next})
}

func (n *Node) problems(list *problemList) {
	if !n.Running {
		list.add(Error, "node-down", "read its log, and start it", "node %q is not running", n.Name)
		return
	}
	switch {
	case n.MemAlarm:
		list.add(Error, "memory-alarm", "publishers are blocked until consumers catch up: find the long queues (msgctl "+
			"status), or raise vm_memory_high_watermark",
			"node %q has a memory alarm: it uses %s, its limit is %s", n.Name, units.RoundMemory(n.MemUsed),
			units.RoundMemory(n.MemLimit))
	case n.MemLimit > 0 && n.MemUsed*100 >= n.MemLimit*nearMemory:
		list.add(Warning, "memory-near-limit",
			"at the limit publishers are blocked: find the long queues, or raise vm_memory_high_watermark",
			"node %q uses %s of memory, its limit is %s", n.Name, units.RoundMemory(n.MemUsed), units.RoundMemory(n.MemLimit))
	}
	switch {
	case n.DiskAlarm:
		list.add(Error, "disk-alarm", "publishers are blocked until there is space: make room, or lower disk_free_limit",
			"node %q has a disk alarm: %s are free, its limit is %s", n.Name, units.RoundMemory(n.DiskFree),
			units.RoundMemory(n.DiskLimit))
	case n.DiskLimit > 0 && n.DiskFree < 2*n.DiskLimit:
		list.add(Warning, "disk-near-limit", "at the limit publishers are blocked: make room",
			"node %q has %s of disk free, its limit is %s", n.Name,
			units.RoundMemory(n.DiskFree), units.RoundMemory(n.DiskLimit))
	}
	if n.FDTotal > 0 && n.FDUsed*100 >= n.FDTotal*nearFDs {
		list.add(Warning, "file-descriptors-near-limit",
			"at the limit connections are refused: raise the limit of open files",
			"node %q uses %d of %d file descriptors", n.Name, n.FDUsed, n.FDTotal)
	}
	if n.Draining {
		list.add(Warning, "maintenance", "rabbitmq-upgrade revive ends it",
			"node %q is in maintenance mode: it takes no clients",
			n.Name)
	}
	if len(n.Partitions) > 0 {
		list.add(Error, "partition", "see rabbitmq.com/docs/partitions before restarting anything",
			"node %q is partitioned from %s",
			n.Name, NameSome(n.Partitions))
	}
}

func connectionProblems(f *Facts, list *problemList) {
	var blocked []string
	for _, c := range f.Connections {
		if c.State == "blocked" || c.State == "blocking" {
			blocked = append(blocked, c.Name)
		}
	}
	if len(blocked) > 0 {
		list.add(Error, "connections-blocked", "an alarm blocks publishers: see the nodes", "%s: %s",
			plural(len(blocked), "connection is blocked", "connections are blocked"), NameSome(blocked))
	}
}

// remedy says how to recover a queue from a state (fact crashed-queue-returns).
func remedy(state string) string {
	switch state {
	case membersMissing:
		return "it still works: start the nodes of its other members"
	case "crashed":
		return "it serves no client until its node is restarted, which brings its persistent messages back; the " +
			"node's log says why it crashed"
	case "stopped":
		return "it serves no client until its node is restarted; the node's log says why its vhost was stopped"
	case "down":
		return "it serves no client until its node is back: start it"
	}
	return "it serves no client until enough of its members are back: start their nodes"
}

// queueProblems reports queues that clients cannot use, by state.
func queueProblems(f *Facts, list *problemList) {
	byState := map[string][]string{}
	for _, q := range f.Queues {
		if state := q.Trouble(); state != "" {
			byState[state] = append(byState[state], q.VHost+"/"+q.Name)
		}
	}
	for _, state := range slices.Sorted(maps.Keys(byState)) {
		status := Error
		if state == membersMissing {
			status = Warning
		}
		list.add(status, "queue-unavailable", remedy(state), "%s %s: %s",
			plural(len(byState[state]), "queue is", "queues are"),
			state, NameSome(byState[state]))
	}
}

// membersMissing is the state of a queue that still has a majority of its members.
const membersMissing = "with members missing"

// Trouble is the state that keeps clients from a queue, "" when none does. Old brokers report a
// queue that is not used for a while as idle.
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
