package browse_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
)

func set(v any) discover.Setting { return discover.Setting{Value: v, From: "argument x"} }

func size(bytes, messages int64) browse.QueueSize {
	return browse.QueueSize{Bytes: bytes, Messages: messages}
}

func status(messages, consumers int64) topology.QueueStatus {
	return topology.QueueStatus{Messages: messages, Consumers: consumers, Known: true}
}

func TestAssess(t *testing.T) {
	quorum := func(version string, limit any) browse.Facts {
		return browse.Facts{Name: "q", Type: topology.Quorum, Version: version, DeliveryLimit: set(limit)}
	}
	counted := func(f browse.Facts) browse.Facts { f.Counted = true; return f }
	fixed := func(f browse.Facts) browse.Facts { f.LimitFixed = true; return f }
	classic := browse.Facts{Name: "q", Type: topology.Classic, Version: "4.3.6", Status: status(100, 0)}
	with := func(change func(*browse.Facts)) browse.Facts { f := classic; change(&f); return f }
	for _, c := range []struct {
		name     string
		f        browse.Facts
		o        browse.AssessOptions
		refused  string // part of the reason; "" allowed
		allow    browse.Permit
		by       browse.ReturnBy
		room     int64 // the limit that is checked; 0 none
		override bool
	}{
		{name: "a stream", f: browse.Facts{Type: topology.Stream}, by: browse.ReturnNothing},
		{name: "a classic queue", f: classic},
		{name: "quorum 3.10 without a limit", f: quorum("3.10.8", nil), by: browse.ReturnByClose},
		{name: "quorum 3.10 with a limit", f: fixed(quorum("3.10.8", int64(10))), room: 10, by: browse.ReturnByNacks},
		{name: "quorum 3.10 with a limit of 0", f: fixed(quorum("3.10.8", int64(0))),
			refused: "browsing uses up one delivery",
			allow:   browse.PermitForce, by: browse.ReturnByNacks},
		{name: "quorum 4.0 by default", f: quorum("4.0.5", int64(20)), room: 20},
		{name: "quorum 4.0 unlimited", f: quorum("4.0.5", int64(-1)), by: browse.ReturnByClose},
		{name: "quorum 4.0 guarded: counts stay, so room is checked", f: quorum("4.0.5", int64(20)),
			o: browse.AssessOptions{Override: true}, override: true, room: 20, by: browse.ReturnByClose},
		{name: "quorum 4.0 with a tiny limit", f: quorum("4.0.5", int64(0)), refused: "delivery limit is 0",
			allow: browse.PermitOverride},
		{name: "quorum 4.3 fed by classic queues", f: quorum("4.3.6", int64(20)), room: 20},
		{name: "quorum 4.3 fed by quorum queues", f: counted(quorum("4.3.6", int64(20))), refused: "browsed once",
			allow: browse.PermitOverride},
		{name: "the same, the limit an argument", f: fixed(counted(quorum("4.3.6", int64(20)))),
			o: browse.AssessOptions{Override: true}, refused: "browsed once", allow: browse.PermitForce},
		{name: "the same, guarded", f: counted(quorum("4.3.6", int64(20))), o: browse.AssessOptions{Override: true},
			override: true},
		{name: "the same, forced", f: counted(quorum("4.3.6", int64(20))), o: browse.AssessOptions{Force: true}},
		{name: "quorum 4.3 unlimited", f: counted(quorum("4.3.6", int64(-1)))},
		{name: "an unknown version is the newest", f: counted(quorum("", int64(20))), refused: "browsed once",
			allow: browse.PermitOverride},
		{name: "delayed retry", f: func() browse.Facts {
			f := quorum("4.3.6", int64(-1))
			f.DelayedRetry, f.DelayedRetryMin = set("all"), set(int64(60000))
			return f
		}(), refused: "hides returned messages from everybody for 1m0s", allow: browse.PermitForce},
		{name: "full and drop-head", f: with(func(f *browse.Facts) { f.MaxLength = set(int64(100)) }),
			refused: "full or nearly so", allow: browse.PermitForce},
		{name: "full and drop-head, forced", f: with(func(f *browse.Facts) { f.MaxLength = set(int64(100)) }),
			o: browse.AssessOptions{Force: true}},
		{name: "far from full", f: with(func(f *browse.Facts) { f.MaxLength = set(int64(1000)) })},
		{name: "bytes unknown", f: with(func(f *browse.Facts) { f.MaxLengthBytes = set(int64(1000)) }),
			refused: "1000 bytes (argument x), and how many it holds is not known", allow: browse.PermitForce},
		{name: "bytes far from full", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes, f.Size = set(int64(1000)),
				size(799, 100)
		})},
		{name: "bytes nearly full", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes, f.Size = set(int64(1000)),
				size(800, 100)
		}), refused: "full or nearly so", allow: browse.PermitForce},
		{name: "bytes of fewer messages than there are now", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes,
				f.Size = set(int64(1000)), size(500, 60)
		}), refused: "full or nearly so", allow: browse.PermitForce},
		{name: "bytes of far fewer messages than there are now",
			f: with(func(f *browse.Facts) {
				f.MaxLengthBytes, f.Size = set(int64(1000)),
					size(10, 49)
			}), refused: "is not known", allow: browse.PermitForce},
		{name: "bytes of more messages than there are now", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes,
				f.Size = set(int64(1000)), size(900, 200)
		}), refused: "full or nearly so", allow: browse.PermitForce},
		{name: "messages counted before their bytes", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes,
				f.Size = set(int64(1000)), size(0, 100)
		}), refused: "is not known", allow: browse.PermitForce},
		{name: "bytes of no message", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes, f.Size = set(int64(1000)),
				size(0, 0)
		}),
			refused: "is not known", allow: browse.PermitForce},
		{name: "bytes of an empty queue", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes, f.Status = set(int64(1000)),
				status(0, 0)
		})},
		{name: "bytes far from full, messages full", f: with(func(f *browse.Facts) {
			f.MaxLength, f.MaxLengthBytes, f.Size = set(int64(100)), set(int64(1000)), size(1, 100)
		}), refused: "100 messages", allow: browse.PermitForce},
		{name: "messages far from full, bytes full", f: with(func(f *browse.Facts) {
			f.MaxLength, f.MaxLengthBytes, f.Size = set(int64(1000)), set(int64(1000)), size(1000, 100)
		}), refused: "1000 bytes", allow: browse.PermitForce},
		{name: "bytes full and reject-publish", f: with(func(f *browse.Facts) {
			f.MaxLengthBytes, f.Overflow = set(int64(100)),
				set("reject-publish")
		})},
		{name: "full and reject-publish", f: with(func(f *browse.Facts) {
			f.MaxLength, f.Overflow = set(int64(100)),
				set("reject-publish")
		})},
		{name: "a single active consumer", f: with(func(f *browse.Facts) {
			f.SingleActiveConsumer, f.Status = true,
				status(1, 1)
		}), o: browse.AssessOptions{Force: true}, refused: "gets nothing"},
		{name: "a single active consumer that is not there",
			f: with(func(f *browse.Facts) { f.SingleActiveConsumer = true })},
		{name: "an exclusive consumer", f: with(func(f *browse.Facts) { f.ExclusiveConsumer = true }),
			refused: "exclusively"},
		{name: "an exclusive queue", f: with(func(f *browse.Facts) { f.ConnectionExclusive = true }),
			refused: "exclusive to the connection"},
		{name: "auto-delete: the look would be its last consumer", f: with(func(f *browse.Facts) { f.AutoDelete = true }),
			o: browse.AssessOptions{Force: true}, refused: "deletes the queue"},
		{name: "auto-delete with consumers", f: with(func(f *browse.Facts) { f.AutoDelete, f.Status = true, status(1, 1) }),
			refused: "deletes the queue", allow: browse.PermitForce},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := browse.Assess(c.f, c.o)
			if (c.refused == "") != (l.Refused == "") || !strings.Contains(l.Refused, c.refused) || l.Allow != c.allow {
				t.Fatalf("refused %q, allowed by %q", l.Refused, l.Allow)
			}
			if c.refused != "" {
				if err := l.Err(); !errors.Is(err, browse.ErrUnsafe) {
					t.Errorf("its error is %v", err)
				}
				return
			}
			room := int64(0)
			if l.Room != nil {
				room = l.Room.Limit
			}
			if l.Return != c.by || room != c.room || l.Override != c.override {
				t.Errorf("return %d, room %d, override %v", l.Return, room, l.Override)
			}
		})
	}
}

func TestHoldTimeFollowsTheConsumerTimeout(t *testing.T) {
	f := browse.Facts{Type: topology.Classic, ConsumerTimeout: set(int64(120000))}
	if got := browse.Assess(f, browse.AssessOptions{}).MaxHold; got != time.Minute {
		t.Errorf("got %s", got)
	}
}

func TestRoomLeavesAReserve(t *testing.T) {
	r := browse.Room{Limit: 20, Reserve: 10, Counts: true}
	for count, want := range map[int64][2]bool{0: {true, true}, 9: {true, true}, 10: {false, true}, 19: {false, true},
		20: {false, false}, 21: {false, false}} {
		if got := [2]bool{r.Fits(count), r.Survives(count)}; got != want {
			t.Errorf("count %d: got %v, want %v", count, got, want)
		}
	}
}
