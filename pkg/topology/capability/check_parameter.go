package capability

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

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

// CheckParameter checks what a broker validates of shovels and federation upstreams: their URIs, what
// they must have, and what excludes each other. A
// URI is never repeated in a message, because it may hold a password.
func CheckParameter(component string, value any) diag.Diagnostics {
	var f findings
	members, _ := value.(map[string]any)
	for _, field := range uriFields(component) {
		if members[field] == nil && members[strings.TrimSuffix(field, "-uri")+"-protocol"] != "local" {
			f.error("parameter-refused", "", field+" is missing", "the broker refuses the parameter",
				"write "+field+": amqp://USER:PASSWORD@HOST:5672/VHOST")
		}
		for _, uri := range texts(members[field]) {
			if fault := uriFault(uri); fault != "" {
				f.error("parameter-refused", field, fmt.Sprintf("%s: %s", field, fault), "the broker refuses the parameter",
					"write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps://…")
			}
		}
	}
	if component == "shovel" {
		f.shovelEnds(members)
	}
	switch mode, set := members["ack-mode"].(string); {
	case set && uriFields(component) != nil && mode != "on-confirm" && mode != "on-publish" && mode != "no-ack":
		f.error("parameter-refused", "ack-mode", fmt.Sprintf("ack-mode is %q", mode), "the broker refuses the parameter",
			"write on-confirm, on-publish or no-ack")
	}
	return f.list
}

// shovelEnds checks that a shovel of AMQP 0-9-1 has one source, and at most one destination.
func (f *findings) shovelEnds(members map[string]any) {
	const why = "the broker refuses the parameter"
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
		f.error("parameter-refused", "", problem, why, "give it one of them")
	}
	if amqp091("dest") && members["dest-queue"] != nil && members["dest-exchange"] != nil {
		f.error("parameter-refused", "", "it has both dest-queue and dest-exchange", why, "give it one of them")
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
