package retry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/consume/retry"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/route"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

func discovered(t *testing.T, queues, version string, withSteps bool) (retry.Strategy, error) {
	t.Helper()
	text := "version: 1\nvhost: v\nexchanges: { dlx: { type: direct } }\n" + queues
	_, state, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: []byte(text)}}, spec.Options{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	var declared *topology.RetrySchedule
	if l, ok := state.RetrySchedule(topology.Ref{Kind: topology.KindQueue, VHost: "v", Name: "q"}); ok && withSteps {
		declared = &l
	}
	return retry.Discover(route.New(state, "v", version), "q", declared)
}

func describe(p retry.Strategy) string {
	var b strings.Builder
	for i, s := range p.Steps {
		if p.Endless && i == 2 {
			b.WriteString("… ")
			break
		}
		fmt.Fprintf(&b, "%s%v ", s.Delay, s.Queues)
	}
	if p.Native {
		fmt.Fprintf(&b, "native limit %d ", p.DeliveryLimit)
	}
	if p.DeadLetter != nil {
		fmt.Fprintf(&b, "-> %s own %v", p.DeadLetter, p.OwnKey)
	}
	return b.String()
}

func TestDiscover(t *testing.T) {
	for _, x := range []struct{ queues, want string }{
		{"queues: { q: {} }", ""},
		{"queues: { q: { deadLetter: dead }, dead: {} }", `-> queue "dead" own false`},
		{"queues: { q: { deadLetter: { exchange: dlx } } }", `-> exchange "dlx" with routing key "" own true`},
		{"queues: { q: {} }\npolicies: { p: { pattern: ., definition: { dead-letter-exchange: dlx, " +
			"dead-letter-routing-key: k } } }", `-> exchange "dlx" with routing key "k" own false`},
		{"queues: { q: { deadLetter: dead, retry: { backoff: [5s, 30s] } }, dead: {} }",
			`5s[q.retry.5s] 30s[q.retry.30s] -> queue "dead" own false`},
		{"queues: { q: { retry: { backoff: [30s, 10s], jitter: 10% } } }",
			`10s[q.retry.10s q.retry.10s.early q.retry.10s.late] 30s[q.retry.30s q.retry.30s.early q.retry.30s.late] `},
		// Not a wait queue: no TTL, or another dead-letter target.
		{"queues: { q: {}, q.retry.5s: { deadLetter: q }, q.retry.6s: { messageTTL: 6s } }", ""},
		{"queues: { q: { type: quorum, deliveryLimit: 3, delayedRetry: { type: failed, min: 2s, max: 3s } } }",
			"2s[] 3s[] 3s[] native limit 3 "},
		{"queues: { q: { type: quorum, deliveryLimit: unlimited, delayedRetry: { type: all, min: 2s, max: 3s } } }",
			"2s[] 3s[] … native limit -1 "},
		{"queues: { q: { type: quorum, delayedRetry: { type: all, min: 2s } } }\npolicies: { p: { pattern: ., " +
			"definition: { delivery-limit: 2 } } }", "2s[] 4s[] native limit 2 "},
	} {
		p, err := discovered(t, x.queues, "4.3.6", false)
		if got := describe(p); err != nil || got != x.want {
			t.Errorf("%s:\n%s, %v, want\n%s", x.queues, got, err, x.want)
		}
	}
	p, err := discovered(t, "queues: { q: { retry: { backoff: [30s, 10s, 30s] } } }", "4.3.6", true)
	if got := describe(p); err != nil || got != "30s[q.retry.30s] 10s[q.retry.10s] 30s[q.retry.30s] " {
		t.Errorf("the order of the file: %s, %v", got, err)
	}
}

// TestDeclaredStepsEndWithTheQueuesLimit: the broker would dead-letter before the file's last step.
func TestDeclaredStepsEndWithTheQueuesLimit(t *testing.T) {
	for limit, want := range map[string]string{"1": "5s[] native limit 1 ", "2": "5s[] 10s[] native limit 2 ",
		"unlimited": "5s[] 10s[] native limit -1 "} {
		_, state, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: []byte("version: 1\nvhost: v\nqueues: { q: { " +
			"type: quorum, deliveryLimit: " + limit + ", delayedRetry: { type: failed, min: 5s, max: 10s } } }")}},
			spec.Options{})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		p, err := retry.Discover(route.New(state, "v", "4.3.6"), "q", &topology.RetrySchedule{Delays: []int64{5000, 10000}})
		if got := describe(p); err != nil || got != want {
			t.Errorf("limit %s: %s, %v, want %s", limit, got, err, want)
		}
	}
}

func TestDiscoverRefuses(t *testing.T) {
	_, state, _ := spec.Read([]source.Input{{Name: "t.yaml",
		Data: []byte("version: 1\nvhost: v\nqueues: { q: { retry: { backoff: [5s] } } }")}}, spec.Options{})
	l, _ := state.RetrySchedule(topology.Ref{Kind: topology.KindQueue, VHost: "v", Name: "q"})
	other, _ := discovered(t, "queues: { q: {}, q.retry.5s: { messageTTL: 5s, deadLetter: q2 }, q2: {} }", "4.0.5", false)
	if len(other.Steps) != 0 {
		t.Errorf("a queue that leads elsewhere is no step: %s", describe(other))
	}
	_, bare, _ := spec.Read([]source.Input{{Name: "t.yaml", Data: []byte("version: 1\nvhost: v\nqueues: { q: {} }")}},
		spec.Options{})
	if _, err := retry.Discover(route.New(bare, "v", "4.0.5"), "q", &l); err == nil ||
		!strings.Contains(err.Error(), `"q.retry.5s" does not exist`) {
		t.Errorf("a declared wait queue that does not exist: %v", err)
	}
	if _, err := retry.Discover(route.New(bare, "v", "4.0.5"), "nope", nil); err == nil {
		t.Error("a queue that is not there")
	}
}

func TestSteps(t *testing.T) {
	p := retry.Strategy{Steps: []retry.Step{{Delay: time.Second}, {Delay: time.Minute}, {Delay: 5 * time.Second}}}
	for _, x := range []struct {
		attempt        int
		atLeast, delay time.Duration
	}{{1, 0, time.Second}, {1, 2 * time.Second, time.Minute}, {2, 0, time.Minute}, {3, 0, 5 * time.Second}, {3, time.Hour,
		5 * time.Second}, {1, time.Hour, time.Minute}} {
		if s := p.Step(x.attempt, x.atLeast); s.Delay != x.delay || p.Last(x.attempt) {
			t.Errorf("after attempt %d, at least %s: %s", x.attempt, x.atLeast, s.Delay)
		}
	}
	if !p.Last(4) {
		t.Error("the fourth attempt is the last")
	}
	p.Endless = true
	if s := p.Step(4, 0); p.Last(4) || s.Delay != 5*time.Second {
		t.Errorf("without end, the last wait is repeated: %s", s.Delay)
	}
}

func TestDeadLetterKeepsItsOwnKeyThroughRetries(t *testing.T) {
	p := retry.Strategy{Queue: "q", Steps: []retry.Step{{Queues: []string{"w"}}},
		DeadLetter: &publish.Target{Exchange: "dlx"},
		OwnKey:     true, UserID: "me"}
	m := &message.Message{Exchange: "x", RoutingKey: "order.created",
		Properties: message.Properties{UserID: "somebody", Expiration: "9"}}
	to, out := p.Wait(m, message.FailureNote{Attempts: 1, Type: "t", Message: "m"}, 0)
	if to.Key != "w" || out.UserID != "" || out.Headers[message.HeaderUserID] != "somebody" || m.UserID != "somebody" {
		t.Errorf("%v %+v", to, out)
	}
	back := *out // as the broker brings it back
	back.Exchange, back.RoutingKey = "", "q"
	back.Headers[message.HeaderDeath] = []any{map[string]any{"queue": "w", "reason": "expired", "count": int64(1)}}
	if message.AttemptsMade(&back, "q", false) != 1 {
		t.Error("the attempt is forgotten")
	}
	to, dead := p.Dead(&back, message.FailureNote{Attempts: 2, Type: "t", Message: "m"})
	if to.Key != "order.created" || dead.Headers[message.HeaderAttempts] != "2" ||
		dead.Headers[message.HeaderAttempt] != nil || dead.Headers[message.HeaderDeath] != nil {
		t.Errorf("%v %v", to, dead.Headers)
	}
	if !strings.Contains(dead.Headers.Text(message.HeaderOriginalHeaders), `"expired"`) {
		t.Errorf("its deaths are not noted: %v", dead.Headers)
	}
	if message.AttemptsMade(dead, "q", false) != 0 {
		t.Error("a replay would not begin anew")
	}
}
