package spec

import (
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// habits are words that people bring from other tools and from RabbitMQ's own screens.
func habits() map[string]string {
	return map[string]string{
		"ttl": "messageTTL", "dlx": "deadLetter", "dlq": "deadLetter", "deadletterexchange": "deadLetter", "deadletterroutingkey": "deadLetter",
		"deadletterqueue": "deadLetter", "ae": "alternateExchange", "routingkey": "key", "routingkeys": "keys", "source": "exchange",
		"from": "exchange", "destination": "queue", "args": "arguments", "lazy": "mode", "priority": "maxPriority", "sac": "singleActiveConsumer",
		"maxsize": "maxLengthBytes", "virtualhost": "vhost", "hash": "passwordHash", "queuetype": "type", "xmatch": "match",
	}
}

// suggest returns the name that was most likely meant, "" when none is near. It sees through case,
// dashes, underscores and the x- of arguments.
func suggest(got string, names []string) string {
	if a, ok := capability.LookupArgument(got); ok {
		top, _, _ := strings.Cut(a.Field, ".")
		if found := nearest(top, names); found != "" {
			return found
		}
	}
	if best := nearest(got, names); best != "" {
		return best
	}
	return nearest(habits()[plain(got)], names)
}

func nearest(got string, names []string) string {
	word := plain(got)
	if word == "" {
		return ""
	}
	best, least := "", 1+max(1, len([]rune(word))/3)
	for _, n := range names {
		if distance := levenshtein.ComputeDistance(word, plain(n)); distance < least && distance < len([]rune(word)) {
			best, least = n, distance
		}
	}
	return best
}

func plain(s string) string {
	if len(s) > 100 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.TrimPrefix(strings.ToLower(s), "x-"))
}
