package exporter_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

func text(t testing.TB, b *exporter.Board) string {
	t.Helper()
	var out strings.Builder
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// TestBoard: a snapshot becomes metrics, which go away when the next collection fails.
func TestBoard(t *testing.T) {
	b := exporter.NewBoard([]string{"a"})
	if err := b.Ready(); err == nil || !strings.Contains(text(t, b), "msgctl_up 0\n") ||
		!strings.Contains(text(t, b), `msgctl_vhost_up{vhost="a"} 0`) {
		t.Errorf("before the first collection: %v\n%s", err, text(t, b))
	}
	b.Trouble(exporter.StageSample)
	b.Show(&exporter.Snapshot{
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
		Losing:   []exporter.Losing{{VHost: "a", Queue: "q"}},
		Drift:    map[string]map[topology.Action]int{"": {}, "a": {topology.Delete: 2, topology.Adopt: 7}},
		Findings: map[exporter.Finding]int{{VHost: "a", Severity: "error", Rule: "r"}: 4},
	}, noon, 1500*time.Millisecond)
	got := text(t, b)
	promtest.CheckMetrics(t, got)
	for _, want := range []string{
		"msgctl_up 1", `msgctl_vhost_up{vhost="a"} 1`, `msgctl_vhost_up{vhost="b"} 0`, "msgctl_collection_duration_seconds 1.5", "msgctl_collections_total 1",
		`msgctl_collection_errors_total{stage="sample"} 1`, fmt.Sprintf("msgctl_last_success_timestamp_seconds %d",
			noon.Unix()),
		`msgctl_queue_messages_ready{vhost="a",queue="q"} 5`, `msgctl_queue_messages_unacked{vhost="a",queue="q"} 2`, `msgctl_queue_consumers{vhost="a",queue="q"} 1`,
		`msgctl_queue_messages_ready_bytes{vhost="a",queue="q"} 700`, `msgctl_queue_consumers{vhost="a",queue="stream"} 3`,
		`msgctl_dlq_messages_ready{vhost="a",queue="dlq"} 9`, `msgctl_dlq_sampled_messages{vhost="a",queue="dlq"} 3`,
		`msgctl_dlq_sampled_deaths{vhost="a",queue="dlq",reason="expired",source_queue="q"} 3`, `msgctl_dlq_sampling_refused{vhost="a",queue="busy"} 1`,
		`msgctl_dlq_messages_ready{vhost="a",queue="\"} 1\n\\{` + "\uFFFD" + `"} 6`,
		`msgctl_queue_loses_dead_letters{vhost="a",queue="q",certainty="possibly"} 1`, `msgctl_drift{vhost=""} 0`, `msgctl_drift{vhost="a"} 1`,
		`msgctl_drift_objects{vhost="a",action="delete"} 2`, `msgctl_drift_objects{vhost="a",action="create"} 0`, `msgctl_lint_findings{vhost="a",severity="error",rule="r"} 4`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("without %s:\n%s", want, got)
		}
	}
	for _, not := range []string{"adopt", `msgctl_queue_messages_ready{vhost="a",queue="stream"}`,
		`ready_bytes{vhost="a",queue="stream"}`, `msgctl_dlq_sampled_messages{vhost="a",queue="busy"}`} {
		if strings.Contains(got, not) {
			t.Errorf("with %s", not)
		}
	}
	if err := b.Ready(); err != nil {
		t.Error(err)
	}

	b.Fail(errors.New("the broker is away"), time.Second)
	got = text(t, b)
	promtest.CheckMetrics(t, got)
	for _, want := range []string{"msgctl_up 0", `msgctl_vhost_up{vhost="a"} 0`, `msgctl_vhost_up{vhost="b"} 0`,
		"msgctl_collections_total 2", `msgctl_collection_errors_total{stage="broker"} 1`} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("without %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "queue=") || strings.Contains(got, "drift") || b.Ready() == nil {
		t.Errorf("what a dead broker told:\n%s", got)
	}
}

// TestManyQueues: beyond a bound queues are summed up, and nothing is lost of the sum.
func TestManyQueues(t *testing.T) {
	b := exporter.NewBoard(nil)
	s := &exporter.Snapshot{}
	for i := range exporter.MaxQueues + 7 {
		s.DeadLetters = append(s.DeadLetters, exporter.Queue{VHost: "v", Name: fmt.Sprintf("q%06d", i), Ready: 2, Known: true,
			Sample: &exporter.Sample{At: noon, Messages: 1}})
	}
	b.Show(s, noon, 0)
	got := text(t, b)
	if n := strings.Count(got, "\nmsgctl_dlq_messages_ready{"); n != exporter.MaxQueues+1 {
		t.Errorf("%d time series", n)
	}
	if !strings.Contains(got, `msgctl_dlq_messages_ready{vhost="v",queue="other"} 14`) ||
		strings.Contains(got, `sampled_messages{vhost="v",queue="other"}`) {
		t.Error("the rest is not summed up")
	}
}

// TestRota: all queues have their turn, however many there are, and no collection looks into more
// than it may.
func TestRota(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r exporter.Rota
		most := rapid.IntRange(1, 5).Draw(t, "most")
		queues := make([]exporter.Queue, rapid.IntRange(1, 30).Draw(t, "queues"))
		for i := range queues {
			queues[i] = exporter.Queue{VHost: "v", Name: strconv.Itoa(i), Ready: 1, Known: true}
		}
		looked := map[string]int{}
		rounds := (len(queues) + most - 1) / most
		for round := range 3 * rounds {
			next := r.Next(queues, most)
			if len(next) != min(most, len(queues)) {
				t.Fatalf("%d looks of %d, for %d queues", len(next), most, len(queues))
			}
			for _, q := range next {
				looked[q.Name]++
				r.Note(q, &exporter.Sample{At: noon.Add(time.Duration(round) * time.Minute)})
			}
		}
		for _, q := range queues {
			if looked[q.Name] < 2 {
				t.Fatalf("queue %s had %d turns in %d rounds", q.Name, looked[q.Name], 3*rounds)
			}
		}
	})
}

// TestRotaForgets: what an empty queue told before is no longer true.
func TestRotaForgets(t *testing.T) {
	var r exporter.Rota
	list := []exporter.Queue{{VHost: "v", Name: "q", Ready: 1, Known: true}, {VHost: "v", Name: "empty", Known: true},
		{VHost: "v", Name: "unknown"}}
	if next := r.Next(list, 9); len(next) != 2 || next[0].Name != "q" || next[1].Name != "unknown" {
		t.Errorf("%+v", next)
	}
	r.Note(list[0], &exporter.Sample{At: noon, Messages: 1})
	if r.Fill(list); list[0].Sample == nil || list[1].Sample != nil {
		t.Errorf("%+v", list)
	}
	list[0].Ready = 0
	r.Next(list, 0)
	if r.Fill(list); list[0].Sample != nil {
		t.Error("an empty queue has a sample")
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
