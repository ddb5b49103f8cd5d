package cmdmsg_test

import (
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/hostile"
)

// TestMessageOverTheLimit: a message larger than --max-message-size stays in its queue, and is
// named with the limit, after very few connections. What is before it is worked on.
func TestMessageOverTheLimit(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		f := cmdtest.NewFixture(t, b)
		f.Declare("to", nil)
		for queue, tc := range map[string]struct {
			args       []string
			code, left int
			says       string
		}{
			"move": {[]string{"dlq", "move", "move", "--to", "queue:to"}, 3, 2,
				`message 1 of queue "move" is delivered (behind message "id-2")`},
			"consume": {[]string{"consume", "consume", "--discard", "--dead-letter-to", "drop"}, 1, 2,
				`message 1 of queue "consume"`},
			"export": {[]string{"dlq", "export", "export", "--archive", t.TempDir() + "/a.ndjson"}, 1, 4, ""},
		} {
			t.Run(queue, func(t *testing.T) {
				f.Declare(queue, nil)
				for _, body := range []string{"1", "2", strings.Repeat("3", 2<<20), "4"} {
					f.Check(f.Ch.PublishWithContext(t.Context(), "", queue, false, false, amqp.Publishing{
						MessageId: "id-" + body[:1], Body: []byte(body)}))
				}
				f.Await(func() bool { return f.Ready(queue) == 4 }, "the messages do not arrive")
				peer, p := behind(t, f, hostile.CountOf(hostile.ConsumeOK))
				res := p.Run(append(tc.args, "--max-message-size=1MiB", "--reconnect-delay=1ms")...)
				res.Want(t, tc.code, tc.says, "a message of 2097152 bytes, more than the 1048576 that are read",
					"--max-message-size SIZE reads larger messages")
				if n := peer.Struck(); n > 3 {
					t.Errorf("%d connections", n)
				}
				f.Await(func() bool { return f.Ready(queue) == tc.left }, "not what should be left")
			})
		}
	})
}
