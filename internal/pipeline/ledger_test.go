package pipeline

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A model of the broker: an acknowledgement must settle exactly deliveries that are done, each
// once, and in the end all.
func TestLedgerAcknowledgesWhatIsDoneAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger()
		want := map[uint64]tagState{}
		acked := map[uint64]bool{}
		ack := func(tag uint64) {
			if want[tag] != tagDone {
				t.Fatalf("acknowledged %d, which is in state %d", tag, want[tag])
			}
			if acked[tag] {
				t.Fatalf("acknowledged %d twice", tag)
			}
			acked[tag] = true
		}
		all := rapid.Bool().Draw(t, "all")
		flush := func(most int64) {
			before := int64(len(acked))
			multiple, single, n := l.flush(most)
			if all {
				more, rest, further := l.flushAll(most - n)
				if more != 0 {
					t.Fatalf("two flushes in a row acknowledge up to %d and up to %d", multiple, more)
				}
				single, n = append(slices.Clone(single), rest...), n+further
			}
			defer func() {
				if int64(len(acked))-before != n || n > most {
					t.Fatalf("%d are acknowledged, %d counted, %d allowed", int64(len(acked))-before, n, most)
				}
			}()
			for tag := uint64(1); tag <= multiple; tag++ {
				if !acked[tag] {
					ack(tag)
				}
			}
			for _, tag := range single {
				ack(tag)
			}
		}
		var next uint64
		var open, held []uint64
		for range rapid.IntRange(0, 2000).Draw(t, "steps") {
			switch op := rapid.IntRange(0, 9).Draw(t, "op"); {
			case op < 4:
				next++
				l.open(next)
				want[next] = tagPending
				open = append(open, next)
			case op < 9 && len(open) > 0:
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				tag := open[i]
				open = append(open[:i], open[i+1:]...)
				if op == 8 {
					l.hold(tag)
					want[tag] = tagHeld
					held = append(held, tag)
				} else {
					l.done(tag)
					want[tag] = tagDone
				}
			case len(held) > 0 && rapid.Bool().Draw(t, "dismiss"):
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				l.dismiss(held[i])
				acked[held[i]], want[held[i]] = true, tagAcked
				held = append(held[:i], held[i+1:]...)
			case rapid.Bool().Draw(t, "limited"):
				flush(int64(rapid.IntRange(0, 20).Draw(t, "most")))
			default:
				flush(math.MaxInt64)
			}
		}
		if l.last() != next || l.pending != len(open) {
			t.Fatalf("last %d, pending %d; want %d, %d", l.last(), l.pending, next, len(open))
		}
		for _, tag := range open {
			l.done(tag)
			want[tag] = tagDone
		}
		flush(math.MaxInt64)
		for tag, s := range want {
			if s == tagDone && !acked[tag] {
				t.Fatalf("%d is done and was never acknowledged", tag)
			}
		}
		var ranged int64
		for _, r := range l.held {
			ranged += int64(r.last - r.first + 1)
		}
		if n := int64(len(held)); n != l.heldCount || n != ranged {
			t.Fatalf("held %d, counted %d, in ranges %d", n, l.heldCount, ranged)
		}
		if n := len(held); n > 0 && slices.Max(held) != l.lastUnsettled() {
			t.Fatalf("the last unsettled is %d, want %d", l.lastUnsettled(), slices.Max(held))
		}
	})
}

func TestLedgerMemoryIsBoundedByWhatIsInFlight(t *testing.T) {
	l := newLedger()
	for tag := uint64(1); tag <= 1_000_000; tag++ {
		l.open(tag)
		if tag%1000 == 0 {
			l.hold(tag)
		} else {
			l.done(tag)
		}
		if tag%100 == 0 {
			l.flush(math.MaxInt64)
		}
	}
	l.flush(math.MaxInt64)
	if cap(l.states) > 4096 || cap(l.due) > 1<<16 {
		t.Errorf("%d states and %d due are kept after everything is settled", cap(l.states), cap(l.due))
	}
	if len(l.held) != 1000 {
		t.Errorf("%d ranges for 1000 lone held deliveries", len(l.held))
	}
}
