package topology

import (
	"fmt"
	"net/url"
	"strings"
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

// parameter checks what a broker validates of shovels and federation upstreams: their URIs (3.10.8,
// 4.0.5 and 4.3.6 answer 400). The URI itself is never repeated: it may hold a password.
func (c *checker) parameter(ref Ref, p *Parameter, equal bool) {
	value, ok := p.Value.(map[string]any)
	if equal || !ok {
		return
	}
	for _, field := range uriFields(p.Component) {
		for _, uri := range texts(value[field]) {
			if fault := uriFault(uri); fault != "" {
				c.as("parameter-refused", field).error(ref, fmt.Sprintf("%s: %s", field, fault), "the broker refuses the parameter",
					"write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps://…")
			}
		}
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
		return "it is not a URI, for it has no scheme"
	case scheme != "amqp" && scheme != "amqps":
		return fmt.Sprintf("its scheme is %q, not amqp or amqps", scheme)
	}
	if _, err := url.Parse(uri); err != nil {
		return "it is not a valid URI"
	}
	return ""
}
