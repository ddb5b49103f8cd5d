package bulk_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// broker is a channel that says what it is told to, when it is told to: no real broker withholds a
// confirm at a given message.
type broker struct {
	publish.Channel
	says chan publish.ChannelEvent
	seq  uint64
}

func (b *broker) Open(context.Context) (publish.Channel, error) { return b, nil }

func (b *broker) Publish(context.Context, publish.Target, *message.Message) (uint64, error) {
	b.seq++
	return b.seq, nil
}

func (b *broker) Receive(ctx context.Context, into []publish.ChannelEvent) ([]publish.ChannelEvent, error) {
	select {
	case e := <-b.says:
		return append(into, e), nil
	case <-ctx.Done():
		return into, ctx.Err()
	}
}

func (b *broker) Err() error   { return nil }
func (b *broker) Close() error { return nil }

// TestJournalNeverLeadsTheConfirms: what the journal calls done is confirmed, or was refused before
// something else was confirmed. Otherwise a run that is killed and resumed would lose the rest.
func TestJournalNeverLeadsTheConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 7
		name := filepath.Join(t.TempDir(), "j")
		j, err := bulk.CreateJournal(name, bulk.Header{})
		if err != nil {
			t.Fatal(err)
		}
		b := &broker{says: make(chan publish.ChannelEvent)}
		var line int64
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bulk.Report, 1)
		go func() {
			r, _ := bulk.Run(ctx, bulk.Options{Dialer: b, Journal: j, Source: func() (bulk.Item, error) {
				if line == total {
					<-ctx.Done() // more may come
					return bulk.Item{}, ctx.Err()
				}
				line++
				return bulk.Item{Line: line, End: 10 * line, Message: &message.Message{}}, nil
			}})
			done <- r
		}()
		synctest.Wait()
		if b.seq != total {
			t.Fatalf("%d of %d are under way", b.seq, total)
		}
		say := func(want int64, kind publish.ChannelEventKind, seq uint64) {
			t.Helper()
			time.Sleep(time.Second) // the journal is not written all the time
			b.says <- publish.ChannelEvent{Kind: kind, Seq: seq}
			synctest.Wait()
			if got := noted(t, name); got != want {
				t.Errorf("after number %d the journal says line %d, want %d", seq, got, want)
			}
		}
		say(0, publish.EventConfirmed, 2) // 1 is open
		say(0, publish.EventConfirmed, 3)
		say(3, publish.EventConfirmed, 1)
		say(3, publish.EventNacked, 5)
		say(4, publish.EventConfirmed, 4) // 5 is tried again unless something comes after it
		say(4, publish.EventNacked, 6)
		cancel() // 7 is never confirmed
		if r := <-done; r.Line != 4 || r.Confirmed != 4 || r.Rejected != 2 || r.Unknown != 1 {
			t.Errorf("%+v", r)
		}
		if got := noted(t, name); got != 4 {
			t.Errorf("at the end the journal says line %d", got)
		}
	})
}

// noted returns up to which line the journal says that all is done.
func noted(t *testing.T, name string) (line int64) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		var p struct{ Line int64 }
		if err := json.Unmarshal([]byte(l), &p); err != nil {
			t.Fatal(err)
		}
		line = p.Line
	}
	return line
}
