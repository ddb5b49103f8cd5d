package lint

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// accessRules are about who can read the file. Who may do what: see permissionRules.
func accessRules() []Rule {
	return []Rule{
		{
			ID: "credentials-in-file", Severity: Warning, Title: "A password in the file", check: checkCredentials,
			Consequence: "Everybody who can read the file, or its history in git, can log in.",
			Fix: "Take it from the environment (${VARIABLE}), keep only password_hash of users, and change the " +
				"password: it has been read.",
			Bad: "queues: { orders: {} }\nparameters: { federation-upstream: { up: { uri: " +
				"\"amqp://bob:s3cret-pw@elsewhere\" } } }\n",
			Good: "queues: { orders: {} }\nparameters: { federation-upstream: { up: { uri: " +
				"\"amqp://bob:${UPSTREAM_PASSWORD:-}@elsewhere\" } } }\n",
		},
	}
}

// checkCredentials finds passwords in the URIs of shovels and federation upstreams. Those of users
// are found by the parser. The password is never repeated.
func checkCredentials(r *run) {
	for _, n := range r.nets {
		for _, o := range n.objects {
			p, ok := o.(*topology.Parameter)
			if !ok {
				continue
			}
			eachText(p.Value, func(field, text string) {
				if password := passwordOf(text); password != "" && (r.in.Literal == nil || r.in.Literal(password)) {
					r.find(p.Ref(), field, fmt.Sprintf("%s has a password in plain text", strings.TrimPrefix(field, ".")))
				}
			})
		}
	}
}

func eachText(v any, f func(field, text string)) {
	var walk func(field string, v any)
	walk = func(field string, v any) {
		switch x := v.(type) {
		case string:
			f(field, x)
		case []any:
			for _, e := range x {
				walk(field, e)
			}
		case map[string]any:
			for _, k := range topology.Arguments(x).Keys() {
				walk(field+"."+k, x[k])
			}
		}
	}
	walk("", v)
}

func passwordOf(text string) string {
	if !strings.HasPrefix(text, "amqp") || !strings.Contains(text, "://") {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}
