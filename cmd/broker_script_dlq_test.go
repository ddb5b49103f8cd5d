package cmd_test

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/rogpeppe/go-internal/testscript"
)

// withDeadLetters adds to the commands of the scripts those that make dead letters:
//
//	send EXCHANGE KEY BODY [NAME=VALUE]...   publishes one message, confirmed and routed; EXCHANGE - is
//	                                         the default exchange. NAME is id, type, content-type,
//	                                         expiration, user-id, cc or header.X; VALUE a text, or int:N
//	reject QUEUE N                           takes N messages and rejects them, so that they die
//	rejecting QUEUE                          keeps a consumer that rejects everything until the end
//	fresh QUEUE N                            takes the N messages of a queue, none of which may have
//	                                         been delivered before
//	headers QUEUE ID                         prints the headers of the message with that id, and puts
//	                                         everything back
func withDeadLetters(commands map[string]func(*testscript.TestScript, bool,
	[]string)) map[string]func(*testscript.TestScript, bool, []string) {
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"send": scriptSend, "reject": scriptReject, "headers": scriptHeaders, "rejecting": scriptRejecting,
		"fresh": scriptFresh,
	})
	return commands
}

func scriptSend(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: send EXCHANGE KEY BODY [NAME=VALUE]...")
	}
	a := ts.Value(arenaKey).(*arena)
	p := amqp.Publishing{Body: []byte(args[2]), DeliveryMode: amqp.Persistent, Headers: amqp.Table{}}
	for _, property := range args[3:] {
		name, value, ok := strings.Cut(property, "=")
		if !ok || !setProperty(&p, name, value) {
			ts.Fatalf("send: what is %q?", property)
		}
	}
	ch := a.vhost.Channel(a.t)
	ts.Check(ch.Confirm(false))
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	confirm, err := ch.PublishWithDeferredConfirm(strings.TrimPrefix(args[0], "-"), args[1], true, false, p)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if ok, err := confirm.WaitContext(ctx); err != nil || !ok {
		ts.Fatalf("send: not confirmed: %v", err)
	}
	select {
	case r := <-returned:
		ts.Fatalf("send: returned: %s", r.ReplyText)
	default:
	}
}

func setProperty(p *amqp.Publishing, name, value string) bool {
	switch name {
	case "id":
		p.MessageId = value
	case "type":
		p.Type = value
	case "content-type":
		p.ContentType = value
	case "expiration":
		p.Expiration = value
	case "user-id":
		p.UserId = value
	case "cc":
		p.Headers["CC"] = []any{value}
	default:
		header, ok := strings.CutPrefix(name, "header.")
		if !ok {
			return false
		}
		p.Headers[header] = value
		if n, err := strconv.ParseInt(strings.TrimPrefix(value, "int:"), 10, 64); err == nil &&
			strings.HasPrefix(value, "int:") {
			p.Headers[header] = n
		}
	}
	return true
}

func scriptReject(ts *testscript.TestScript, _ bool, args []string) {
	a, n := ts.Value(arenaKey).(*arena), count(ts, args)
	ch := a.vhost.Channel(a.t)
	for range n {
		ts.Check(awaitDelivery(ch, args[0]).Reject(false))
	}
	ts.Check(ch.Close())
}

func scriptRejecting(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: rejecting QUEUE")
	}
	a := ts.Value(arenaKey).(*arena)
	deliveries, err := a.vhost.Channel(a.t).Consume(args[0], "", false, false, false, false, nil)
	ts.Check(err)
	go func() {
		for d := range deliveries {
			_ = d.Reject(false)
		}
	}()
}

func awaitDelivery(ch *amqp.Channel, queue string) amqp.Delivery {
	for range 1200 {
		if d, ok, err := ch.Get(queue, false); err != nil || ok {
			return d
		}
		time.Sleep(50 * time.Millisecond)
	}
	return amqp.Delivery{}
}

func scriptHeaders(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: headers QUEUE ID")
	}
	a := ts.Value(arenaKey).(*arena)
	ch := a.vhost.Channel(a.t)
	defer func() { _ = ch.Close() }()
	for end, last := time.Now().Add(time.Minute), (amqp.Delivery{}); ; {
		d, ok, err := ch.Get(args[0], false)
		ts.Check(err)
		if !ok { // an earlier command may have put it back a moment ago
			if time.Now().After(end) {
				ts.Fatalf("queue %s has no message %q", args[0], args[1])
			}
			if last.Acknowledger != nil {
				ts.Check(last.Nack(true, true))
				last = amqp.Delivery{}
			}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		last = d
		if d.MessageId == args[1] {
			for name, v := range d.Headers {
				_, _ = ts.Stdout().Write([]byte(name + "=" + text(v) + "\n"))
			}
			_, _ = ts.Stdout().Write([]byte("expiration=" + d.Expiration + "\n"))
			return
		}
	}
}

func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	}
	return "(other)"
}

// scriptFresh reads what the broker itself counts: the flag redelivered, and on quorum queues the
// headers.
func scriptFresh(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: fresh QUEUE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	a := ts.Value(arenaKey).(*arena)
	ch := a.vhost.Channel(a.t)
	for i := range n {
		d, ok, err := ch.Get(args[0], true)
		ts.Check(err)
		switch {
		case !ok:
			ts.Fatalf("fresh: queue %s has %d messages", args[0], i)
		case d.Redelivered, counted(d.Headers["x-delivery-count"]), counted(d.Headers["x-acquired-count"]):
			ts.Fatalf("fresh: message %d was delivered before: redelivered %v, headers %v", i, d.Redelivered, d.Headers)
		}
	}
}

// counted reports whether a header counts a delivery: 3.10 writes a 0 for the first.
func counted(header any) bool { return header != nil && header != int64(0) }
