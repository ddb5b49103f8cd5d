package message_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/message"
)

func TestFailures(t *testing.T) {
	cases := map[string]struct {
		headers message.Table
		want    message.Failure
	}{
		"NServiceBus": {message.Table{
			"NServiceBus.FailedQ": "Sales@HOST1", "NServiceBus.TimeOfFailure": "2014-11-11 02:26:58:000462 Z",
			"NServiceBus.ExceptionInfo.ExceptionType": "System.TimeoutException",
			"NServiceBus.ExceptionInfo.Message":       "too late", "NServiceBus.ExceptionInfo.StackTrace": "at A.B()",
			"NServiceBus.EnclosedMessageTypes": "Shop.OrderPlaced, Shop, Version=1.0.0.0",
		}, message.Failure{
			Framework: "NServiceBus", Queue: "Sales", Type: "System.TimeoutException", Message: "too late",
			StackTrace: "at A.B()", Task: "Shop.OrderPlaced", Time: time.Date(2014, 11, 11, 2, 26, 58, 462000, time.UTC),
		}},
		"MassTransit": {message.Table{
			"MT-Reason": "fault", "MT-Fault-InputAddress": "rabbitmq://localhost:5672/shop/charge%2Fcard?durable=true",
			"MT-Fault-ExceptionType": "System.InvalidOperationException", "MT-Fault-Message": "no funds",
			"MT-Fault-StackTrace": "at X", "MT-Fault-Timestamp": "2026-04-20T16:30:00.1234567Z",
			"MT-Fault-MessageType": "Shop.ChargeCard",
		}, message.Failure{
			Framework: "MassTransit", Queue: "charge/card", Type: "System.InvalidOperationException", Message: "no funds",
			StackTrace: "at X", Task: "Shop.ChargeCard", Time: time.Date(2026, 4, 20, 16, 30, 0, 123456700, time.UTC),
		}},
		"MassTransit skipped": {message.Table{"MT-Reason": "dead-letter"}, message.Failure{
			Framework: "MassTransit", Message: "no consumer accepted the message",
		}},
		"Spring": {message.Table{
			"x-exception-message": "boom", "x-original-exchange": "", "x-original-routingKey": "orders",
			"x-exception-stacktrace": "org.springframework.amqp.rabbit.support.ListenerExecutionFailedException: Listener " +
				"threw\n" +
				"\tat a.B.c(B.java:1)\nCaused by: java.lang.IllegalStateException: boom\n\tat d.E.f(E.java:2)",
		}, message.Failure{
			Framework: "Spring AMQP", Type: "java.lang.IllegalStateException", Message: "boom", RoutingKey: "orders",
			HasRoute: true,
		}},
		"Rebus": {message.Table{
			"rbs2-error-details": "1 unhandled exceptions: System.ArgumentException: bad id\n   at A.B()",
			"rbs2-source-queue":  "billing", "rbs2-msg-type": "Shop.Bill, Shop",
		}, message.Failure{
			Framework: "Rebus", Queue: "billing", Type: "System.ArgumentException", Task: "Shop.Bill",
			Message: "1 unhandled exceptions: System.ArgumentException: bad id",
		}},
		"Celery": {message.Table{"lang": "py", "task": "shop.bill", "id": "u-1", "retries": int32(3)},
			message.Failure{Framework: "Celery", Task: "shop.bill"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := message.FailureOf(&message.Message{Headers: c.headers})
			if !ok {
				t.Fatal("not recognised")
			}
			if c.want.StackTrace == "" {
				got.StackTrace = ""
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, h := range []message.Table{nil, {"a": "b"}, {"task": "x"}, {"id": "1", "lang": "py"}} {
		if f, ok := message.FailureOf(&message.Message{Headers: h}); ok {
			t.Errorf("%v is taken for a failure of %s", h, f.Framework)
		}
	}
}

func TestEasyNetQ(t *testing.T) {
	const envelope = `{"RoutingKey":"order.created","Exchange":"orders","Queue":"billing",
		"Exception":"System.AggregateException: outer (inner)\n   at X","Message":%q,"DateTime":"2026-11-20T10:00:00.5Z",
		"BasicProperties":{"ContentType":"application/json","Type":"Shop.Order, Shop","DeliveryMode":2,"Priority":3,
		"CorrelationId":"c","MessageId":"m","Timestamp":1700000000,"Expiration":%s,"ContentTypePresent":true,
		"Headers":{"n":9007199254740993,"s":"text","b":{"$type":"System.Byte[], mscorlib","$value":"aGk="}}}}`
	for _, c := range []struct{ message, expiration, body, ttl string }{
		{`{"id":1}`, `null`, `{"id":1}`, ""},
		{`eyJpZCI6MX0=`, `"60000"`, `{"id":1}`, "60000"},
		{`not json`, `"1.00:01:00.5000000"`, `not json`, "86460500"},
		{``, `"soon"`, ``, ""},
	} {
		m := &message.Message{Queue: "EasyNetQ_Default_Error_Queue"}
		m.Type = "EasyNetQ.SystemMessages.Error, EasyNetQ"
		m.Body = fmt.Appendf(nil, envelope, c.message, c.expiration)
		f, ok := message.FailureOf(m)
		if !ok || f.Queue != "billing" || f.Type != "System.AggregateException" || f.Message != "outer (inner)" ||
			!f.Enveloped {
			t.Errorf("failure %+v, %v", f, ok)
		}
		got, err := message.UnwrapEasyNetQ(m)
		if err != nil {
			t.Fatal(err)
		}
		want := &message.Message{
			Properties: message.Properties{
				ContentType: "application/json", Type: "Shop.Order, Shop", DeliveryMode: 2, Priority: 3, CorrelationID: "c",
				MessageID: "m", Timestamp: time.Unix(1700000000, 0).UTC(), Expiration: c.ttl,
			},
			Headers:  message.Table{"n": int64(9007199254740993), "s": "text", "b": "hi"},
			Exchange: "orders", RoutingKey: "order.created", Queue: "billing", Body: []byte(c.body),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, body := range []string{"", "{", "[]", "null", `{"Message":1}`, `{"Exchange":"x"}`} {
		m := &message.Message{Body: []byte(body)}
		m.Type = "EasyNetQ.SystemMessages.Error:EasyNetQ"
		if _, ok := message.FailureOf(m); ok {
			t.Errorf("%q is taken for an envelope", body)
		}
		if _, err := message.UnwrapEasyNetQ(m); err == nil {
			t.Errorf("%q was unwrapped", body)
		}
	}
}

func FuzzFailure(f *testing.F) {
	f.Add("rabbitmq://h/q", "System.X: y", []byte("{}"))
	f.Fuzz(func(_ *testing.T, address, details string, body []byte) {
		for _, name := range []string{"MT-Fault-InputAddress", "NServiceBus.FailedQ", "rbs2-error-details",
			"x-exception-stacktrace"} {
			message.FailureOf(&message.Message{Headers: message.Table{
				name: details, "MT-Fault-InputAddress": address, "NServiceBus.TimeOfFailure": address,
			}})
		}
		m := &message.Message{Body: body}
		m.Type = "EasyNetQ.SystemMessages.Error"
		message.FailureOf(m)
		_, _ = message.UnwrapEasyNetQ(m)
	})
}
