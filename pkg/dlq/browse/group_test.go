package browse_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/filter"
)

func dead(reason, queue, id string, at time.Time) *message.Message {
	return &message.Message{
		Properties: message.Properties{MessageID: id}, Body: []byte("0123456789"),
		Headers: message.Table{
			"x-first-death-queue": queue, "x-first-death-reason": reason,
			"x-death": []any{message.Table{"queue": queue, "reason": reason, "count": int64(1), "time": at, "exchange": "x",
				"routing-keys": []any{"k"}}},
		},
	}
}

func TestGroupsCountAndSpan(t *testing.T) {
	key, err := filter.CompileKey("reason,queue", filter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := browse.NewGrouper(key, 0)
	day := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	g.Add(dead("rejected", "a", "", day.Add(time.Hour)))
	g.Add(dead("rejected", "a", "one", day))
	g.Add(dead("rejected", "a", "two", day.Add(2*time.Hour)))
	g.Add(dead("expired", "b", "three", day))
	g.Add(&message.Message{})
	got := g.Groups()
	if got.Messages != 5 || len(got.List) != 3 || got.Rest.Count != 0 {
		t.Fatalf("got %+v", got)
	}
	first := got.List[0]
	if !slices.Equal(first.Values, []string{"rejected", "a"}) || first.Count != 3 || first.Bytes != 30 ||
		first.Example != "one" ||
		!first.FirstDeath.Equal(day) || !first.LastDeath.Equal(day.Add(2*time.Hour)) || first.AtLeast {
		t.Errorf("got %+v", first)
	}
}

type idKey struct{}

func (idKey) AppendValues(dst []string, m *message.Message) []string { return append(dst, m.MessageID) }
func (idKey) Names() []string                                        { return []string{"id"} }

// With too many groups nothing is forgotten, and what is large stays, wherever it begins.
func TestGroupsAreBounded(t *testing.T) {
	g := browse.NewGrouper(idKey{}, 10)
	for i := range 50000 {
		id := fmt.Sprint(i)
		if i > 25000 && i%4 == 0 {
			id = "large"
		}
		g.Add(&message.Message{Properties: message.Properties{MessageID: id}})
	}
	got := g.Groups()
	sum := got.Rest.Count
	for _, x := range got.List {
		sum += x.Count
	}
	if len(got.List) != 10 || sum != 50000 || got.Messages != 50000 {
		t.Errorf("%d groups with %d messages", len(got.List), sum)
	}
	if l := got.List[0]; l.Values[0] != "large" || l.Count < 6000 || !l.AtLeast {
		t.Errorf("the largest group is %+v", l)
	}
}

func TestGroupsAgreeWithCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", ""})).Draw(t, "ids")
		want := map[string]int64{}
		g := browse.NewGrouper(idKey{}, 0)
		for _, id := range ids {
			want[id]++
			g.Add(&message.Message{Properties: message.Properties{MessageID: id}})
		}
		got := g.Groups()
		if len(got.List) != len(want) {
			t.Fatalf("%d groups, want %d", len(got.List), len(want))
		}
		for _, x := range got.List {
			if want[x.Values[0]] != x.Count {
				t.Fatalf("%q: %d, want %d", x.Values[0], x.Count, want[x.Values[0]])
			}
		}
	})
}

func BenchmarkGroup(b *testing.B) {
	key, err := filter.CompileKey("reason,queue", filter.Options{})
	if err != nil {
		b.Fatal(err)
	}
	g := browse.NewGrouper(key, 0)
	m := dead("rejected", "orders", "id", time.Now())
	b.ReportAllocs()
	for b.Loop() {
		g.Add(m)
	}
}
