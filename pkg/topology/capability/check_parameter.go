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

// CheckParameter checks what a broker validates of shovels and federation upstreams: their URIs. A
// URI is never repeated in a message, because it may hold a password.
func CheckParameter(component string, value any) diag.Diagnostics {
	var f findings
	members, _ := value.(map[string]any)
	for _, field := range uriFields(component) {
		for _, uri := range texts(members[field]) {
			if fault := uriFault(uri); fault != "" {
				f.error("parameter-refused", field, fmt.Sprintf("%s: %s", field, fault), "the broker refuses the parameter",
					"write amqp://USER:PASSWORD@HOST:5672/VHOST, or amqps://…")
			}
		}
	}
	return f.list
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
