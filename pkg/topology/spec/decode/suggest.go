package decode

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// habits are words that people bring from other tools and from RabbitMQ's own screens.
func habits() map[string]string {
	return map[string]string{
		"ttl": "messageTTL", "dlx": "deadLetter", "dlq": "deadLetter", "deadletterexchange": "deadLetter",
		"deadletterroutingkey": "deadLetter",
		"deadletterqueue":      "deadLetter", "ae": "alternateExchange", "routingkey": "key", "routingkeys": "keys",
		"source": "exchange",
		"from":   "exchange", "destination": "queue", "args": "arguments", "lazy": "mode", "priority": "maxPriority",
		"sac":     "singleActiveConsumer",
		"maxsize": "maxLengthBytes", "virtualhost": "vhost", "hash": "passwordHash", "queuetype": "type", "xmatch": "match",
	}
}

// NearestField returns the field that was most likely meant, "" when none is near. It also knows
// the names of arguments and habits.
func NearestField(got string, names []string) string {
	if a, ok := capability.LookupArgument(got); ok {
		top, _, _ := strings.Cut(a.Field, ".")
		if found := suggest.Nearest(top, names); found != "" {
			return found
		}
	}
	if meant := habits()[suggest.Normalise(got)]; slices.Contains(names, meant) {
		return meant
	}
	return suggest.Nearest(got, names)
}
