package events_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/terminal"
)

// TestCatalogueOnANarrowTerminal checks that no name is broken: values that do not fit side by side
// are stacked.
func TestCatalogueOnANarrowTerminal(t *testing.T) {
	doc := events.ListDocument{Events: []events.TypeDocument{{Type: "order.created.internationally", Version: 1,
		Exchange: "orders.events.exchange", Key: "order.created.internationally",
		Reaches: []string{"billing.orders.created", "shipping.orders.created"}, Schema: "schemas/order-created.json"}}}
	var b strings.Builder
	if err := events.ListText(&b, doc, terminal.Styler{}, 80); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"order.created.internationally\n", "orders.events.exchange\n", "shipping.orders.created",
		"schemas/order-created.json\n"} {
		if !strings.Contains(b.String(), word) {
			t.Errorf("%q is broken in\n%s", word, b.String())
		}
	}
}

// TestTypeOnANarrowTerminal checks that an event with many queues and a long description is wrapped.
func TestTypeOnANarrowTerminal(t *testing.T) {
	doc := events.TypeDocument{Type: "order.created", Version: 1, Exchange: "orders",
		Description: strings.Repeat("A customer placed an order. ", 6), Reaches: []string{
			"billing.orders.created.internationally", "shipping.orders.created.internationally", "audit"}}
	var b strings.Builder
	if err := events.TypeText(&b, doc, terminal.Styler{}, 80); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if terminal.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	if !strings.Contains(b.String(), "billing.orders.created.internationally,\n            shipping.") {
		t.Errorf("no aligned list in\n%s", b.String())
	}
}
