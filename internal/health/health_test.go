package health_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

const gib = 1 << 30

func sound() health.Node {
	return health.Node{Name: "n1", Running: true, MemUsed: gib, MemLimit: 8 * gib, DiskFree: 50 * gib, DiskLimit: 8 * gib,
		FDUsed: 10, FDTotal: 1000}
}

func TestProblems(t *testing.T) {
	node := func(change func(*health.Node)) *health.Facts {
		n := sound()
		change(&n)
		return &health.Facts{Nodes: []health.Node{n}}
	}
	queue := func(q health.Queue) *health.Facts {
		q.VHost, q.Name = "v", "q"
		return &health.Facts{Queues: []health.Queue{q}}
	}
	for name, c := range map[string]struct {
		facts   *health.Facts
		letters health.DeadLetters
		want    health.Status
		id      string
	}{
		"nothing":     {facts: node(func(*health.Node) {}), want: health.OK},
		"a node down": {facts: node(func(n *health.Node) { n.Running = false }), want: health.Error, id: "node-down"},
		"memory alarm": {facts: node(func(n *health.Node) { n.MemAlarm = true }), want: health.Error,
			id: "memory-alarm"},
		"memory near": {facts: node(func(n *health.Node) { n.MemUsed = 7 * gib }), want: health.Warning,
			id: "memory-near-limit"},
		"disk alarm": {facts: node(func(n *health.Node) { n.DiskAlarm = true }), want: health.Error,
			id: "disk-alarm"},
		"disk near": {facts: node(func(n *health.Node) { n.DiskFree = 15 * gib }), want: health.Warning,
			id: "disk-near-limit"},
		"files": {facts: node(func(n *health.Node) { n.FDUsed = 800 }), want: health.Warning,
			id: "file-descriptors-near-limit"},
		"maintenance": {facts: node(func(n *health.Node) { n.Draining = true }), want: health.Warning,
			id: "maintenance"},
		"partition": {facts: node(func(n *health.Node) { n.Partitions = []string{"n2"} }), want: health.Error,
			id: "partition"},
		"blocked": {facts: &health.Facts{Connections: []health.Connection{{Name: "c", State: "blocked"}}},
			want: health.Error, id: "connections-blocked"},
		"flow control": {facts: &health.Facts{Connections: []health.Connection{{Name: "c", State: "flow"}}},
			want: health.OK},
		"a queue runs": {facts: queue(health.Queue{State: "running", Members: []string{"a", "b", "c"},
			Online: []string{"a", "b", "c"}}), want: health.OK},
		"a queue is idle": {facts: queue(health.Queue{State: "idle"}), want: health.OK},
		"one of three is out": {facts: queue(health.Queue{State: "running", Members: []string{"a", "b", "c"},
			Online: []string{"a", "b"}}), want: health.Warning, id: "queue-unavailable"},
		"two of three": {facts: queue(health.Queue{State: "running", Members: []string{"a", "b", "c"},
			Online: []string{"a"}}), want: health.Error, id: "queue-unavailable"},
		"one of two": {facts: queue(health.Queue{State: "running", Members: []string{"a", "b"},
			Online: []string{"a"}}), want: health.Error, id: "queue-unavailable"},
		"minority": {facts: queue(health.Queue{State: "minority"}), want: health.Error, id: "queue-unavailable"},
		"down":     {facts: queue(health.Queue{State: "down"}), want: health.Error, id: "queue-unavailable"},
		"dead letters": {facts: &health.Facts{}, letters: health.DeadLetters{Waiting: []health.Backlog{{Queue: "d",
			Ready: 1}}}, want: health.Warning, id: "dead-letters"},
		"losses": {facts: &health.Facts{}, letters: health.DeadLetters{Losing: []health.Loss{{Queue: "q"}}},
			want: health.Error, id: "dead-letters-lost"},
		"idle": {facts: &health.Facts{}, letters: health.DeadLetters{Idle: []health.Backlog{{Queue: "q",
			Ready: 1}}}, want: health.Warning, id: "no-consumer"},
	} {
		list := health.Problems(c.facts, c.letters)
		if got := health.Worst(list); got != c.want {
			t.Errorf("%s: %s, want %s: %v", name, got, c.want, list)
		}
		if c.id != "" && (len(list) != 1 || list[0].ID != c.id || list[0].Text == "" ||
			list[0].Next == "" == (list[0].Queue == "")) {
			t.Errorf("%s: %+v, want one %s", name, list, c.id)
		}
	}
}

// TestQueueRemedies: what is told to do fits what the matter is.
func TestQueueRemedies(t *testing.T) {
	for state, want := range map[string]string{"crashed": "log", "stopped": "vhost", "down": "node is back",
		"minority": "members"} {
		list := health.Problems(&health.Facts{Queues: []health.Queue{{Name: "q", State: state}}}, health.DeadLetters{})
		if len(list) != 1 || !strings.Contains(list[0].Next, want) {
			t.Errorf("%s: %+v, want something about %q", state, list, want)
		}
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	list := health.Problems(&health.Facts{}, health.DeadLetters{
		Waiting: []health.Backlog{{Queue: "d", VHost: "a b", Ready: 1}}, Losing: []health.Loss{{Queue: "q"}},
	})
	if len(list) != 2 || list[0].ID != "dead-letters-lost" || list[1].Queue != "d" || list[1].VHost != "a b" {
		t.Errorf("%+v", list)
	}
}

// TestChecklist: each item, sound and unsound.
func TestChecklist(t *testing.T) {
	const unread = "user lacks the tag"
	facts := func(f health.Facts) *health.Inspection { return &health.Inspection{Facts: &f} }
	closed := func(p health.Part) *health.Inspection {
		return facts(health.Facts{Unread: map[health.Part]string{p: unread}})
	}
	secure := []health.Listener{{Protocol: "amqp/ssl", Port: 5671}}
	work := [][2]string{{"v", "q"}}
	found := func(rule string, s lint.Severity) *health.Inspection {
		return &health.Inspection{Facts: &health.Facts{}, Findings: []lint.Finding{{Rule: rule, Severity: s,
			Object: "queue \"q\"", Message: "is bad"}}}
	}
	for _, c := range []struct {
		id   string
		in   *health.Inspection
		want health.Status
		says string
	}{
		{"default-credentials", facts(health.Facts{GuestWorks: true}), health.Error, "guest"},
		{"default-credentials", facts(health.Facts{Users: []health.User{{Name: "guest"}}}), health.OK, "exists, and cannot"},
		{"default-credentials", facts(health.Facts{Users: []health.User{{Name: "ops"}}}), health.OK, "no user"},
		{"default-credentials", closed(health.PartUsers), health.OK, unread},
		{"password-hashes", facts(health.Facts{Users: []health.User{{Name: "old",
			Algorithm: "rabbit_password_hashing_md5"}}}), health.Warning, `"old"`},
		{"password-hashes", facts(health.Facts{Users: []health.User{{Name: "cert", Algorithm: "rabbit_password_hashing_md5",
			NoPassword: true}}}), health.OK, "1 user"},
		{"password-hashes", closed(health.PartUsers), health.Unknown, unread},
		{"vhosts", &health.Inspection{Facts: &health.Facts{VHosts: []string{"/"}}, Work: [][2]string{{"/", "q"}}},
			health.Warning, "there is no other"},
		{"vhosts", &health.Inspection{Facts: &health.Facts{VHosts: []string{"/", "v"}}, Work: work}, health.OK,
			"no queue of an application"},
		{"vhosts", &health.Inspection{Facts: &health.Facts{VHosts: []string{"v"}}, Work: work}, health.OK, "none of them /"},
		{"permissions", found("permission-for-everything", lint.Warning), health.Warning, "is bad"},
		{"permissions", found("permission-for-everything", lint.Note), health.OK, "no user"},
		{"tls", facts(health.Facts{Connections: []health.Connection{{Name: "c", Peer: "10.0.0.7"}}, Listeners: secure}),
			health.Warning, `"c"`},
		{"tls", facts(health.Facts{Connections: []health.Connection{{Name: "c", Peer: "127.0.0.1"}}, Listeners: secure}),
			health.OK, "none comes"},
		{"tls", facts(health.Facts{Connections: []health.Connection{{Name: "c", Peer: "10.0.0.7", TLS: true}},
			Listeners: secure}), health.OK, "1 connection"},
		{"tls", facts(health.Facts{}), health.Warning, "no node listens"},
		{"prefetch", facts(health.Facts{Consumers: []health.Consumer{{Queue: "q", Ack: true}}}), health.Error,
			"without a limit"},
		{"prefetch", facts(health.Facts{Consumers: []health.Consumer{{Queue: "q", Ack: true, Prefetch: 60_000}}}),
			health.Warning, "60000"},
		{"prefetch", facts(health.Facts{Consumers: []health.Consumer{{Queue: "q", Ack: true, Prefetch: 250}}}), health.OK,
			"1 consumer"},
		{"prefetch", facts(health.Facts{Consumers: []health.Consumer{{Queue: "q", Ack: true, Channel: "ch"}},
			Channels: []health.Channel{{Name: "ch", GlobalPrefetch: 10}}}), health.OK, "1 consumer"},
		{"prefetch", facts(health.Facts{Version: "4.0.5", Consumers: []health.Consumer{{Queue: "q", Ack: true}}}),
			health.Warning, "RabbitMQ 4.0.5 does not report"},
		{"prefetch", facts(health.Facts{}), health.Unknown, "nobody consumes"},
		{"prefetch", closed(health.PartConsumers), health.Unknown, unread},
		{"acknowledgements", facts(health.Facts{Consumers: []health.Consumer{{VHost: "v", Queue: "q"}}}), health.Warning,
			"v/q"},
		{"heartbeat", facts(health.Facts{Connections: []health.Connection{{Name: "c", Protocol: "AMQP 0-9-1"}}}),
			health.Warning, `"c"`},
		{"heartbeat", facts(health.Facts{Connections: []health.Connection{{Name: "c", Protocol: "AMQP 0-9-1",
			Heartbeat: 60}}}), health.OK, "1 connection"},
		{"heartbeat", facts(health.Facts{Connections: []health.Connection{{Name: "shovel", Protocol: "Direct 0-9-1"}}}),
			health.Unknown, "nobody"},
		{"heartbeat", facts(health.Facts{Connections: []health.Connection{{Name: "stream", Protocol: "stream"}}}),
			health.Unknown, "nobody"},
		{"confirms", facts(health.Facts{Channels: []health.Channel{{Name: "ch", Published: 1}}}), health.Warning, `"ch"`},
		{"confirms", facts(health.Facts{Channels: []health.Channel{{Name: "ch", Published: 1, Confirm: true},
			{Name: "tx", Published: 1, Tx: true}}}), health.OK, "2 channels"},
		{"confirms", facts(health.Facts{Channels: []health.Channel{{Name: "ch", Published: 1, Young: true}}}),
			health.Unknown, "nobody"},
		{"confirms", closed(health.PartChannels), health.Unknown, unread},
		{"redeliveries", facts(health.Facts{Channels: []health.Channel{{Name: "ch", Delivered: 1000, Redelivered: 900}}}),
			health.Warning, "900 of 1000"},
		{"redeliveries", facts(health.Facts{Channels: []health.Channel{{Name: "ch", Delivered: 10, Redelivered: 9}}}),
			health.OK, ""},
		{"dead-letters", &health.Inspection{Facts: &health.Facts{}, Work: work}, health.Warning, "v/q"},
		{"dead-letters", &health.Inspection{Facts: &health.Facts{}, Work: work,
			DeadLettering: map[[2]string]bool{{"v", "q"}: true}}, health.OK, "1 queue"},
		{"dead-letters-arrive", &health.Inspection{Facts: &health.Facts{},
			DeadLetters: health.DeadLetters{Losing: make([]health.Loss, 5)}}, health.Error, "and 2 more"},
		{"retries", &health.Inspection{Facts: &health.Facts{}, Work: work}, health.Warning, "v/q"},
		{"retries", &health.Inspection{Facts: &health.Facts{}, Work: work, Bounded: map[[2]string]bool{{"v", "q"}: true}},
			health.OK, "1 queue"},
		{"dead-letters-waiting", &health.Inspection{Facts: &health.Facts{},
			DeadLetters: health.DeadLetters{Waiting: []health.Backlog{{VHost: "v", Queue: "d",
				Ready: 7}}}}, health.Warning, "v/d (7)"},
		{"consumers", &health.Inspection{Facts: &health.Facts{},
			DeadLetters: health.DeadLetters{Idle: []health.Backlog{{VHost: "v", Queue: "q",
				Ready: 7}}}}, health.Warning, "v/q (7)"},
		{"queue-limits", found("queue-near-limit", lint.Warning), health.Warning, "is bad"},
		{"policies", found("policy-disabled-by-key", lint.Error), health.Error, "is bad"},
		{"policies", found("queue-near-limit", lint.Warning), health.OK, ""},
		{"definitions", facts(health.Facts{}), health.Unknown, "-f"},
		{"definitions", &health.Inspection{Facts: &health.Facts{}, Declared: &health.Declared{Files: []string{"t.yaml"}}},
			health.OK, "t.yaml"},
		{"definitions", &health.Inspection{Facts: &health.Facts{},
			Declared: &health.Declared{Files: []string{"t.yaml"}, Pending: 3}}, health.Warning, "3 objects"},
		{"alarms", &health.Inspection{Facts: &health.Facts{Nodes: []health.Node{{Name: "n"}}}}, health.Error, "not running"},
		{"alarms", &health.Inspection{Facts: &health.Facts{Nodes: []health.Node{sound()}}}, health.OK, "1 node"},
		{"alarms", closed(health.PartNodes), health.Unknown, unread},
		{"disk-limit", &health.Inspection{Facts: &health.Facts{Nodes: []health.Node{{Name: "n", Running: true, MemLimit: gib,
			DiskLimit: 50_000_000}}}}, health.Warning, `"n"`},
		{"disk-limit", &health.Inspection{Facts: &health.Facts{Nodes: []health.Node{sound()}}}, health.OK, ""},
		{"disk-limit", &health.Inspection{Facts: &health.Facts{Nodes: []health.Node{{Name: "n", Running: true}}}},
			health.Unknown, "just started"},
		{"replicas", facts(health.Facts{Queues: []health.Queue{{State: "minority"}}}), health.Error, "majority"},
		{"feature-flags", facts(health.Facts{DisabledFlags: []string{"khepri_db"}}), health.Warning, "khepri_db"},
		{"feature-flags", closed(health.PartFeatures), health.Unknown, unread},
		{"deprecated-features", facts(health.Facts{Deprecated: []string{"transient_nonexcl_queues"}}), health.Warning,
			"transient"},
		{"deprecated-features", facts(health.Facts{Version: "3.10.8",
			Unread: map[health.Part]string{health.PartDeprecated: "this broker does not tell"}}), health.Unknown,
			"4.0 and newer"},
	} {
		list := health.RunChecks(c.in, func(id string) bool { return id == c.id })
		if len(list) != 1 {
			t.Fatalf("%s: %d results", c.id, len(list))
		}
		r := list[0]
		if r.Status != c.want || !strings.Contains(strings.Join(r.Evidence, "\n"), c.says) || len(r.Evidence) == 0 {
			t.Errorf("%s: %s, want %s with %q: %q", c.id, r.Status, c.want, c.says, r.Evidence)
		}
		if bad := r.Status.AtLeast(health.Warning); bad != (r.Why != "") || bad != (r.Fix != "") {
			t.Errorf("%s is %s and says why %q, fix %q", c.id, r.Status, r.Why, r.Fix)
		}
	}
}

// TestEveryItemHasWords, and an id of its own.
func TestEveryItemHasWords(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range health.Checks() {
		if seen[i.ID] || i.Title == "" || i.Why == "" || i.Fix == "" {
			t.Errorf("%+v", i)
		}
		seen[i.ID] = true
	}
}
