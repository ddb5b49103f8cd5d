package cmd_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// withEvents adds to the commands of the scripts those that look at events:
//
//	take QUEUE     takes one message out of the queue and prints it: properties, headers, body.
//	               The body's timestamp becomes TIME
//	purge QUEUE    empties the queue
func withEvents(commands map[string]func(*testscript.TestScript, bool,
	[]string)) map[string]func(*testscript.TestScript, bool, []string) {
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){"take": scriptTake, "purge": scriptPurge})
	return commands
}

func scriptTake(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: take QUEUE")
	}
	a := ts.Value(arenaKey).(*arena)
	ch := a.vhost.Channel(a.t)
	d := awaitDelivery(ch, args[0])
	if d.Acknowledger == nil {
		ts.Fatalf("queue %s is empty", args[0])
	}
	ts.Check(d.Ack(false))
	var b strings.Builder
	for _, p := range []struct{ name, value string }{
		{"exchange", d.Exchange}, {"key", d.RoutingKey}, {"type", d.Type}, {"message-id", d.MessageId}, {"correlation-id",
			d.CorrelationId}, {"content-type", d.ContentType},
		{"delivery-mode", fmt.Sprint(d.DeliveryMode)}, {"priority", fmt.Sprint(d.Priority)}, {"expiration",
			d.Expiration}, {"app-id", d.AppId},
	} {
		fmt.Fprintf(&b, "%s=%s\n", p.name, p.value)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
		fmt.Fprintf(&b, "%s=%v\n", name, d.Headers[name])
	}
	body := regexp.MustCompile(`"timestamp":"[^"]*Z"`).ReplaceAllString(string(d.Body), `"timestamp":"TIME"`)
	fmt.Fprintf(&b, "body=%s\n", body)
	_, err := ts.Stdout().Write([]byte(b.String()))
	ts.Check(err)
	ts.Check(ch.Close())
}

func scriptPurge(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: purge QUEUE")
	}
	a := ts.Value(arenaKey).(*arena)
	_, err := a.vhost.Channel(a.t).QueuePurge(args[0], false)
	ts.Check(err)
}
