package amqp

import (
	"fmt"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// TestDownIsNotMissing: what brokers say of a queue that is missing, and of one that is down. Both
// have the code 404.
func TestDownIsNotMissing(t *testing.T) {
	for text, down := range map[string]bool{
		"NOT_FOUND - no queue 'q' in vhost '/'":                                                 false,
		"NOT_FOUND - no exchange 'x' in vhost '/'":                                              false,
		"NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor":                   true,
		"NOT_FOUND - home node 'r@h' of durable queue 'q' in vhost '/' is down or inaccessible": true,
	} {
		err := fmt.Errorf("declare: %w", &amqp091.Error{Code: amqp091.NotFound, Reason: text, Server: true})
		if IsDown(err) != down || IsNotFound(err) == down {
			t.Errorf("%s: down %v, not found %v", text, IsDown(err), IsNotFound(err))
		}
	}
	for _, err := range []error{nil, amqp091.ErrClosed,
		&amqp091.Error{Code: amqp091.AccessRefused, Reason: "ACCESS_REFUSED - no", Server: true},
		&amqp091.Error{Code: amqp091.NotFound, Reason: "of the client library"}} {
		if IsDown(err) || IsNotFound(err) {
			t.Errorf("%v: down %v, not found %v", err, IsDown(err), IsNotFound(err))
		}
	}
}
