package event_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/event"
)

// payload512 is a payload of some 512 bytes that the example's schema takes.
func payload512() []byte {
	return []byte(`{"orderId":"o-1001","customerId":"c-42","items":[{"productId":"p-7","quantity":2,"price":19.9},{"productId":"p-8","quantity":1,"price":5.25},` +
		`{"productId":"p-9","quantity":12,"price":0.75},{"productId":"p-10","quantity":3,"price":199.99}],"totalAmount":662.02,"currency":"EUR",` +
		`"shippingAddress":{"street":"` + string(bytes.Repeat([]byte("x"), 140)) +
		`","city":"Berlin","postalCode":"10115","country":"DE"}}`)
}

func BenchmarkValidate(b *testing.B) {
	c := event.NewCatalogue([]event.Type{{Name: "order.created", SchemaFile: "order.created.schema.json",
		Files: exampleSchemas()}})
	p := payload512()
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if v, err := c.Validate("order.created", p); err != nil || len(v) > 0 {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	e := &event.Envelope{EventID: "0198c0de-0000-7000-8000-000000000001", EventType: "order.created", Version: 1,
		Timestamp: time.Now(), Payload: payload512()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Message(event.MessageOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	e := &event.Envelope{EventID: "0198c0de-0000-7000-8000-000000000001", EventType: "order.created", Version: 1,
		Timestamp: time.Now(), Payload: payload512()}
	text := e.JSON()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
