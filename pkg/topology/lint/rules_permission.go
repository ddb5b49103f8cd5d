package lint

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/regex"
)

// permissionRules are about permissions that are wider or narrower than what the files declare.
// What an application uses is not known, so rules consider declared names only.
func permissionRules() []Rule {
	return []Rule{
		{
			ID: "permission-for-everything", Severity: Warning,
			Title: "A non-administrator that may configure everything", check: checkForEverything,
			Consequence: "Whoever has the password of one application can delete and redeclare the queues and " +
				"exchanges of all, with their messages.",
			Fix: "Restrict configure, write and read to the names that the application uses: configure: ^orders\\., " +
				"read: ^orders\\., write: ^(orders\\.exchange)$.",
			Bad: "queues: { orders: {} }\nusers: { app: {} }\npermissions: { app: { configure: .*, write: .*, read: " +
				".* } }\n",
			Good: "queues: { orders: {} }\nusers: { app: {} }\npermissions: { app: { configure: \"^orders$\", write: " +
				"\"^orders$\", read: \"^orders$\" } }\n",
		},
		{
			ID: "permission-unanchored", Severity: Warning, Title: "A permission that matches parts of names",
			check: checkUnanchored,
			Consequence: "The broker looks for the pattern anywhere in a name: orders also grants preorders and " +
				"orders2.",
			Fix: "Anchor the pattern: ^orders$, ^orders\\., ^(orders|paid)$.",
			Bad: "queues: { orders: {}, preorders: {} }\nusers: { app: {} }\npermissions: { app: { configure: \"\", " +
				"write: \"\", read: orders } }\n",
			Good: "queues: { orders: {}, preorders: {} }\nusers: { app: {} }\npermissions: { app: { configure: \"\", " +
				"write: \"\", read: \"^orders$\" } }\n",
		},
		{
			ID: "permission-matches-nothing", Severity: Note, Title: "A permission that matches no declared name",
			check: checkGrantsNothing,
			Consequence: "The broker refuses the user everything that the files declare: 403 ACCESS_REFUSED. That " +
				"is intended only if the user works with what it declares itself.",
			Fix: "Correct the pattern; list what somebody else declares under external; to grant nothing, write " +
				"\"\".",
			Bad: "queues: { orders: {} }\nusers: { app: {} }\npermissions: { app: { configure: \"\", write: \"\", " +
				"read: ^order$ } }\n",
			Good: "queues: { orders: {} }\nusers: { app: {} }\npermissions: { app: { configure: \"\", write: \"\", " +
				"read: ^orders$ } }\n",
		},
	}
}

// grant is one of the three patterns of a permission.
type grant struct {
	field, text string
	judge       *regex.Expr
	pattern     *regexp.Regexp // if Go understands the pattern, its matches are known
}

func grants(p *topology.Permission) []grant {
	list := []grant{{field: "configure", text: p.Configure}, {field: "write", text: p.Write},
		{field: "read", text: p.Read}}
	for i := range list {
		list[i].judge = regex.Compile(list[i].text)
		if re, err := regexp.Compile(list[i].text); err == nil {
			list[i].pattern = re
		}
	}
	return list
}

// nothing reports whether the pattern grants nothing: the broker reads "" as ^$.
func (g grant) nothing() bool { return g.text == "" || g.text == "^$" }

// mayMatch is true where it cannot be judged.
func (g grant) mayMatch(name string) bool {
	matches, known := g.judge.Match(name)
	return matches || !known
}

// everything reports whether a pattern matches every name. One with lookahead is there to restrict.
func (g grant) everything() bool {
	return g.pattern != nil && !g.nothing() && !slices.ContainsFunc([]string{"", "a", "Zz-9_.:/ x", "order.created.queue",
		"\u00e9"}, func(name string) bool {
		return !g.pattern.MatchString(name)
	})
}

// eachPermission calls f with the permissions of users that are not administrators, who may grant
// themselves any.
func (r *run) eachPermission(f func(*network, *topology.Permission)) {
	for _, n := range r.nets {
		for _, o := range n.objects {
			if p, ok := o.(*topology.Permission); ok && !slices.Contains(r.tags(p.User), "administrator") {
				f(n, p)
			}
		}
	}
}

func (r *run) tags(user string) []string {
	if u, ok := r.in.State.Get(topology.Ref{Kind: topology.KindUser, Name: user}); ok {
		return u.(*topology.User).Tags
	}
	return nil
}

// checkForEverything checks users that the files declare: the tags of others are not known.
func checkForEverything(r *run) {
	r.eachPermission(func(_ *network, p *topology.Permission) {
		if !r.in.State.Has(topology.Ref{Kind: topology.KindUser, Name: p.User}) {
			return
		}
		all := grants(p)
		if !all[0].everything() {
			return
		}
		what := "may declare and delete every queue and exchange of the vhost, but is not an administrator"
		if all[1].everything() && all[2].everything() {
			what = "may declare, delete, write and read everything in the vhost, but is not an administrator"
		}
		f := r.find(p.Ref(), "configure", what)
		if slices.Contains(r.tags(p.User), "monitoring") {
			f.Fix = "A monitoring user needs no permission to change anything: configure: \"\", write: \"\"."
		}
	})
}

// nameable are the names that permissions of a vhost can match: those of exchanges and queues that
// are declared, listed under external, or predeclared. In permissions the broker calls the default
// exchange amq.default.
func (r *run) nameable(n *network) []string {
	names := slices.Concat(n.queues, n.ExchangeNames())
	for ref := range r.in.External {
		if ref.VHost == n.VHost() {
			names = append(names, ref.Name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(append(names, "amq.default"))
}

// madeByClients are examples of names that brokers, plugins and libraries generate for queues. No
// file declares them.
func madeByClients() []string {
	return []string{"amq.gen-Xa2Bq9", "amq.rabbitmq.reply-to", "stomp-subscription-Xa2Bq9",
		"mqtt-subscription-client1qos0", "federation: up -> x:rabbit@node:x", "celeryev.1b2c", "spring.gen-Xa2Bq9"}
}

// checkUnanchored looks for patterns that fit a declared name from its beginning, or to its end,
// and match inside of another one. A pattern for a word also means names that continue it with a
// point or a dash.
func checkUnanchored(r *run) {
	r.eachPermission(func(n *network, p *topology.Permission) {
		for _, g := range grants(p) {
			if g.pattern == nil || g.nothing() || g.everything() {
				continue
			}
			if more := inside(g, r.nameable(n)); len(more) > 0 {
				r.find(p.Ref(), g.field, fmt.Sprintf("%s %s matches inside of %s", g.field, g.text, some(more)))
			}
		}
	})
}

func inside(g grant, names []string) []string {
	whole, from := regexp.MustCompile("^(?:"+g.text+")$"), regexp.MustCompile("^(?:"+g.text+")")
	var more []string
	fits, begins := false, false
	for _, name := range names {
		fits, begins = fits || whole.MatchString(name), begins || from.MatchString(name)
	}
	for _, name := range names {
		at := g.pattern.FindStringIndex(name)
		switch {
		case at == nil || whole.MatchString(name):
		case begins && !from.MatchString(name), fits && at[0] == 0 && continuesWord(name[at[1]:]):
			more = append(more, name)
		}
	}
	return more
}

// continuesWord reports whether a text continues the word before it.
func continuesWord(rest string) bool {
	return rest != "" && !strings.ContainsAny(rest[:1], ".-_:/ ")
}

// checkGrantsNothing needs a vhost with something in it.
func checkGrantsNothing(r *run) {
	r.eachPermission(func(n *network, p *topology.Permission) {
		if len(n.queues) == 0 {
			return
		}
		names := slices.Concat(r.nameable(n), madeByClients())
		for _, g := range grants(p) {
			if !g.nothing() && !slices.ContainsFunc(names, g.mayMatch) {
				r.find(p.Ref(), g.field, fmt.Sprintf("%s %s matches no exchange or queue that the files declare", g.field, g.text))
			}
		}
	})
}

// accessRules are about secrets in files. permissionRules are about permissions.
func accessRules() []Rule {
	return []Rule{
		{
			ID: "credentials-in-file", Severity: Warning, Title: "A password in the file", check: checkCredentials,
			Consequence: "Everybody who can read the file, or its history in git, can log in.",
			Fix: "Use a variable (${VARIABLE}), keep only password_hash of users, and change the password: it has " +
				"been exposed.",
			Bad: "queues: { orders: {} }\nparameters: { federation-upstream: { up: { uri: " +
				"\"amqp://bob:s3cret-pw@elsewhere\" } } }\n",
			Good: "queues: { orders: {} }\nparameters: { federation-upstream: { up: { uri: " +
				"\"amqp://bob:${UPSTREAM_PASSWORD:-}@elsewhere\" } } }\n",
		},
	}
}

// checkCredentials finds passwords in the URIs of shovels and federation upstreams. The parser
// finds those of users. The message never contains the password.
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
