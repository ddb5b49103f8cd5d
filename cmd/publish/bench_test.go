package publish

import (
	"os"
	"testing"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish/compose"
)

// BenchmarkLine is what one line of `publish --ndjson` takes before it is handed to the publisher.
func BenchmarkLine(b *testing.B) {
	schema, err := os.ReadFile("../../examples/events/order.created.schema.json")
	if err != nil {
		b.Fatal(err)
	}
	t := event.Type{Name: "order.created", Exchange: "orders", AggregateType: "Order", AggregateID: "/orderId", Version: 1,
		Schema: schema}
	catalogue := event.NewCatalogue([]event.Type{t})
	typ, err := catalogue.Type("order.created")
	if err != nil {
		b.Fatal(err)
	}
	run := &publishing{composer: &compose.Events{Catalogue: catalogue, Type: typ, AppID: "bench",
		Begin: (&publishing{}).beginSpan}}
	series, err := event.NewSeries()
	if err != nil {
		b.Fatal(err)
	}
	line := []byte(`{"orderId":"o-1001","customerId":"c-42","items":[{"productId":"p-7","quantity":2,"price":19.9}],"totalAmount":39.8,"currency":"EUR",` +
		`"shippingAddress":{"street":"Unter den Linden 77, Hinterhaus, dritter Stock links, bei Familie von und zu Musterfrau","city":"Berlin","postalCode":"10115","country":"DE"}}`)
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		n++
		if item := run.item(append([]byte(nil), line...), n, n, series); item.Err != nil {
			b.Fatal(item.Err)
		}
	}
}
