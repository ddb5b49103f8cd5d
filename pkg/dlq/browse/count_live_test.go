package browse_test

import (
	"sync"
	"testing"

	"github.com/msgctl/msgctl/internal/broker/brokertest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
)

// TestBrowseEndsWhenMessagesAreBack: who counts the messages of a classic queue after a look finds
// all of them, also when the queue is asked by many, whose questions it answers before it takes
// messages back.
func TestBrowseEndsWhenMessagesAreBack(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		ch := v.Channel(t)
		const n = 300 // three sessions
		declareQueues(t, ch, nil, "q")
		fill(t, ch, "q", n, nil)
		awaitReady(t, ch, "q", n)
		stop := make(chan struct{})
		var asking sync.WaitGroup
		defer asking.Wait()
		defer close(stop)
		for range 8 {
			other := v.Channel(t)
			asking.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = other.QueueDeclarePassive("q", true, false, false, false, nil)
					}
				}
			})
		}
		c := brokertest.Connect(t, v.User)
		l := assess(t, c, v.Name, "q", browse.AssessOptions{})
		wrong := map[int64]int{}
		looks := rabbittest.Cases(30, 300)
		for range looks {
			var got seen
			_, err := browse.Browse(t.Context(), c.Source(v.Name),
				browse.Options{Assessment: l, Counter: browseCounter{v.Channel(t)}, Expect: n}, got.each)
			must(t, err)
			ready, err := c.Ready(t.Context(), v.Name, "q")
			must(t, err)
			if ready != n {
				wrong[ready]++
				awaitReady(t, ch, "q", n)
			}
		}
		if len(wrong) > 0 {
			t.Errorf("after %d looks other counts than %d: %v", looks, n, wrong)
		}
	})
}
