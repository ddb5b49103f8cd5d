package lint

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
)

// accessRules are about who may do what, and who can read the file.
func accessRules() []Rule {
	return []Rule{
		{
			ID: "credentials-in-file", Severity: Warning, Title: "A password in the file", check: checkCredentials,
			Consequence: "Everybody who can read the file, or its history in git, can log in.",
			Fix:         "Take it from the environment (${VARIABLE}), keep only password_hash of users, and change the password: it has been read.",
			Bad:         "queues: { orders: {} }\nparameters: { federation-upstream: { up: { uri: \"amqp://bob:s3cret-pw@elsewhere\" } } }\n",
			Good:        "queues: { orders: {} }\nparameters: { federation-upstream: { up: { uri: \"amqp://bob:${UPSTREAM_PASSWORD:-}@elsewhere\" } } }\n",
		},
		{
			ID: "permission-for-everything", Severity: Warning, Title: "A user that may do everything without being an administrator", check: checkPermissions,
			Consequence: "Whoever has the password of one application can delete and redeclare the queues of all, and read and write all messages.",
			Fix:         "Restrict configure, write and read to the names that the application uses: configure: ^orders\\., read: ^orders\\., write: ^(orders\\.exchange)$.",
			Bad:         "queues: { orders: {} }\nusers: { app: {} }\npermissions: { app: { configure: .*, write: .*, read: .* } }\n",
			Good:        "queues: { orders: {} }\nusers: { app: {} }\npermissions: { app: { configure: \"^orders$\", write: \"^orders$\", read: \"^orders$\" } }\n",
		},
	}
}

// checkCredentials finds passwords in the URIs of shovels and federation upstreams. Those of users are found by the parser. The password is
// never repeated.
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

// checkPermissions looks at users that the file declares: what others are is not known.
func checkPermissions(r *run) {
	for _, n := range r.nets {
		for _, o := range n.objects {
			p, ok := o.(*topology.Permission)
			if !ok {
				continue
			}
			user, declared := r.in.State.Get(topology.Ref{Kind: topology.KindUser, Name: p.User})
			if !declared || slices.Contains(user.(*topology.User).Tags, "administrator") {
				continue
			}
			if matchesAll(p.Configure) && matchesAll(p.Write) && matchesAll(p.Read) {
				f := r.find(p.Ref(), "configure", "may declare, delete, write and read everything in the vhost, and is no administrator")
				if tags := user.(*topology.User).Tags; slices.Contains(tags, "monitoring") {
					f.Fix = "A user that only looks needs no permission to change anything: configure: \"\", write: \"\"."
				}
			}
		}
	}
}

// matchesAll says that a pattern restricts nothing.
func matchesAll(pattern string) bool {
	re, err := regexp.Compile(pattern)
	if err != nil || pattern == "" || pattern == "^$" {
		return false
	}
	for _, name := range []string{"", "a", "Zz-9_.:/ x", "order.created.queue", "\u00e9"} {
		if !re.MatchString(name) {
			return false
		}
	}
	return true
}
