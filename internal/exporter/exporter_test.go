package exporter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

func text(t testing.TB, m *exporter.Metrics) string {
	t.Helper()
	var out strings.Builder
	if err := telemetry.WriteText(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// TestMetrics: a snapshot becomes metrics, which go away when the next collection fails.
func TestMetrics(t *testing.T) {
	m := exporter.NewMetrics([]string{"a"})
	if err := m.Ready(); err == nil || !strings.Contains(text(t, m), "msgctl_up 0\n") ||
		!strings.Contains(text(t, m), `msgctl_vhost_up{vhost="a"} 0`) {
		t.Errorf("before the first collection: %v\n%s", err, text(t, m))
	}
	m.CountError(exporter.StageSample)
	m.Succeeded(&exporter.Snapshot{
		Open: []string{"a"}, Closed: []string{"b"},
		Queues: []exporter.Queue{
			{VHost: "a", Name: "q", Ready: 5, Unacked: 2, Consumers: 1, ReadyBytes: 700, Known: true},
			{VHost: "a", Name: "stream", ReadyBytes: -1, Consumers: 3},
		},
		DeadLetters: []exporter.Queue{
			{VHost: "a", Name: "dlq", Ready: 9, Known: true, Sample: &exporter.Sample{At: noon, Messages: 3,
				Oldest: noon.Add(-time.Hour), Deaths: map[exporter.Death]int{{Reason: "expired", Queue: "q"}: 3}}},
			{VHost: "a", Name: "busy", Ready: 1, Known: true, Sample: &exporter.Sample{At: noon, Refused: true}},
			{VHost: "a", Name: "\"} 1\n\\{\xff", Ready: 6, Known: true},
		},
		Losing:   []exporter.LosingQueue{{VHost: "a", Queue: "q"}},
		Drift:    map[string]map[plan.Action]int{"": {}, "a": {plan.Delete: 2, plan.Adopt: 7}},
		Findings: map[exporter.Finding]int{{VHost: "a", Severity: "error", Rule: "r"}: 4},
	}, noon, 1500*time.Millisecond)
	got := text(t, m)
	promtest.CheckMetrics(t, got)
	for _, want := range []string{
		"msgctl_up 1", `msgctl_vhost_up{vhost="a"} 1`, `msgctl_vhost_up{vhost="b"} 0`,
		"msgctl_collection_duration_seconds 1.5", "msgctl_collections_total 1",
		`msgctl_collection_errors_total{stage="sample"} 1`, "msgctl_last_success_timestamp_seconds 1.7957808e+09",
		`msgctl_queue_messages_ready{queue="q",vhost="a"} 5`, `msgctl_queue_messages_unacked{queue="q",vhost="a"} 2`,
		`msgctl_queue_consumers{queue="q",vhost="a"} 1`,
		`msgctl_queue_messages_ready_bytes{queue="q",vhost="a"} 700`, `msgctl_queue_consumers{queue="stream",vhost="a"} 3`,
		`msgctl_dlq_messages_ready{queue="dlq",vhost="a"} 9`, `msgctl_dlq_sampled_messages{queue="dlq",vhost="a"} 3`,
		`msgctl_dlq_sampled_deaths{queue="dlq",reason="expired",source_queue="q",vhost="a"} 3`,
		`msgctl_dlq_sampling_refused{queue="busy",vhost="a"} 1`,
		`msgctl_dlq_messages_ready{queue="\"} 1\n\\{` + "\uFFFD" + `",vhost="a"} 6`,
		`msgctl_queue_loses_dead_letters{certainty="possibly",queue="q",vhost="a"} 1`, `msgctl_drift{vhost=""} 0`,
		`msgctl_drift{vhost="a"} 1`,
		`msgctl_drift_objects{action="delete",vhost="a"} 2`, `msgctl_drift_objects{action="create",vhost="a"} 0`,
		`msgctl_lint_findings{rule="r",severity="error",vhost="a"} 4`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("without %s:\n%s", want, got)
		}
	}
	for _, not := range []string{"adopt", `msgctl_queue_messages_ready{queue="stream",vhost="a"}`,
		`ready_bytes{queue="stream",vhost="a"}`, `msgctl_dlq_sampled_messages{queue="busy",vhost="a"}`} {
		if strings.Contains(got, not) {
			t.Errorf("with %s", not)
		}
	}
	if err := m.Ready(); err != nil {
		t.Error(err)
	}

	m.Failed(errors.New("the broker is away"), time.Second)
	got = text(t, m)
	promtest.CheckMetrics(t, got)
	for _, want := range []string{"msgctl_up 0", `msgctl_vhost_up{vhost="a"} 0`, `msgctl_vhost_up{vhost="b"} 0`,
		"msgctl_collections_total 2", `msgctl_collection_errors_total{stage="broker"} 1`} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("without %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "queue=") || strings.Contains(got, "drift") || m.Ready() == nil {
		t.Errorf("what a dead broker told:\n%s", got)
	}
}

// TestManyQueues: beyond a bound queues are summed up, and nothing is lost of the sum.
func TestManyQueues(t *testing.T) {
	m := exporter.NewMetrics(nil)
	s := &exporter.Snapshot{}
	for i := range exporter.MaxQueues + 7 {
		s.DeadLetters = append(s.DeadLetters, exporter.Queue{VHost: "v", Name: fmt.Sprintf("q%06d", i), Ready: 2, Known: true,
			Sample: &exporter.Sample{At: noon, Messages: 1}})
	}
	m.Succeeded(s, noon, 0)
	got := text(t, m)
	if n := strings.Count(got, "\nmsgctl_dlq_messages_ready{"); n != exporter.MaxQueues+1 {
		t.Errorf("%d time series", n)
	}
	if !strings.Contains(got, `msgctl_dlq_messages_ready{queue="other",vhost="v"} 14`) ||
		strings.Contains(got, `sampled_messages{queue="other",vhost="v"}`) {
		t.Error("the rest is not summed up")
	}
}

// TestDeathIsBounded: what a message says becomes no label of its own.
func TestDeathIsBounded(t *testing.T) {
	died := func(queue, reason any) *message.Message {
		return &message.Message{Headers: map[string]any{message.HeaderDeath: []any{map[string]any{"queue": queue,
			"reason": reason, "count": int64(1), "exchange": "", "routing-keys": []any{"k"}}}}}
	}
	exists := func(q string) bool { return q == "orders" }
	never := func(string) bool { return false }
	for _, tc := range []struct {
		m    *message.Message
		want exporter.Death
	}{
		{died("orders", "rejected"), exporter.Death{Reason: "rejected", Queue: "orders"}},
		{died("orders", "delivery_limit"), exporter.Death{Reason: "delivery_limit", Queue: "orders"}},
		{died("no such queue", "expired"), exporter.Death{Reason: "expired", Queue: exporter.Other}},
		{died("orders", "because I say so"), exporter.Death{Reason: exporter.Other, Queue: "orders"}},
		{&message.Message{}, exporter.Death{Reason: "unknown"}},
	} {
		if got := exporter.NewDeath(tc.m, never, exists); got != tc.want {
			t.Errorf("%v: %+v, want %+v", tc.m.Headers, got, tc.want)
		}
	}
}
