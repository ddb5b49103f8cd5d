package capability

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

const parameterRefused = "the broker refuses the parameter"

// uriFields are the members of a component's parameters that hold an AMQP URI or a list of them.
func uriFields(component string) []string {
	switch component {
	case "shovel":
		return []string{"src-uri", "dest-uri"}
	case "federation-upstream":
		return []string{"uri"}
	}
	return nil
}

// CheckParameter checks what a broker validates of shovels, federation upstreams and sets of these.
// That is their URIs, what they must have, the kind of each value, and what excludes each other. A
// URI is never repeated in a message, because it may hold a password.
func (b Broker) CheckParameter(component string, value any) diag.Diagnostics {
	f := findings{Broker: b}
	value = amqptable.Normalise(value)
	if component == "federation-upstream-set" {
		f.upstreamSet(value)
		return f.list
	}
	members, _ := value.(map[string]any)
	f.members(parameterMembers[component], members, "")
	for _, field := range uriFields(component) {
		if members[field] == nil && members[strings.TrimSuffix(field, "-uri")+"-protocol"] != "local" {
			f.error("parameter-refused", "", field+" is missing", parameterRefused,
				"write "+field+": amqp://USER:PASSWORD@HOST:5672/VHOST")
		}
		for _, uri := range texts(members[field]) {
			if fault := uriFault(uri); fault != "" {
				f.error("parameter-refused", field, fmt.Sprintf("%s: %s", field, fault), parameterRefused,
					"write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps://…")
			}
		}
	}
	if component == "shovel" {
		f.shovelEnds(members)
	}
	return f.list
}

// shovelEnds checks that a shovel of AMQP 0-9-1 has one source, and at most one destination.
func (f *findings) shovelEnds(members map[string]any) {
	amqp091 := func(end string) bool {
		protocol := members[end+"-protocol"]
		return protocol == nil || protocol == "amqp091"
	}
	queue, exchange := members["src-queue"] != nil, members["src-exchange"] != nil
	if amqp091("src") && queue == exchange {
		problem := "it has neither src-queue nor src-exchange"
		if queue {
			problem = "it has both src-queue and src-exchange"
		}
		f.error("parameter-refused", "", problem, parameterRefused, "give it one of them")
	}
	if amqp091("dest") && members["dest-queue"] != nil && members["dest-exchange"] != nil {
		f.error("parameter-refused", "", "it has both dest-queue and dest-exchange", parameterRefused, "give it one of them")
	}
}

// upstreamSet checks a federation-upstream-set: a list of upstreams by name.
func (f *findings) upstreamSet(value any) {
	const fix = "write a list such as [{ upstream: NAME }]"
	list, ok := value.([]any)
	if table, is := value.(map[string]any); !ok && (!is || len(table) > 0) {
		f.error("parameter-refused", "", "it is not a list of upstreams", parameterRefused, fix)
	}
	for i, e := range list {
		members, _ := e.(map[string]any)
		if _, ok := members["upstream"].(string); !ok {
			f.error("parameter-refused", "", fmt.Sprintf("[%d]: upstream is missing, or no text", i), parameterRefused, fix)
		}
		f.members(parameterMembers["federation-upstream"], members, fmt.Sprintf("[%d].", i))
	}
}

func texts(v any) []string {
	switch x := v.(type) {
	case string:
		return []string{x}
	case []any:
		var list []string
		for _, e := range x {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

func uriFault(uri string) string {
	scheme, _, ok := strings.Cut(uri, "://")
	switch {
	case !ok:
		return "it is not a URI: it has no scheme"
	case scheme != "amqp" && scheme != "amqps":
		return fmt.Sprintf("its scheme is %q, not amqp or amqps", scheme)
	}
	if _, err := url.Parse(uri); err != nil {
		return "it is not a valid URI"
	}
	return ""
}
