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
