package export

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/yamltext"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// WriteYAML writes a state as a topology file that Load and Resolve read back to an equal state.
// Variables stand for credentials in it (see Options.Secrets), and for the passwords of users
// whose hash is not known. Left out: what every vhost has, exclusive and server-named queues, what
// identifies the cluster. What the objects lead to and the state does not have is listed as
// external. The order is that of names: the same state always makes the same text. Objects of
// several vhosts stand under vhosts, which declares them. The error wraps that of w.
func WriteYAML(w io.Writer, s *topology.State, o Options) error {
	root, variables := tree(s, o)
	var b bytes.Buffer
	if o.Schema != "" {
		fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n", o.Schema)
	}
	if len(variables) > 0 {
		fmt.Fprintf(&b, "# Set these variables before you use this file: %s\n", strings.Join(variables, ", "))
	}
	text, err := yamltext.Encode(root.node())
	if err != nil {
		return fmt.Errorf("write topology: %w", err)
	}
	b.Write(text)
	if _, err := w.Write(separateSections(b.Bytes())); err != nil {
		return fmt.Errorf("write topology: %w", err)
	}
	o.announce(variables)
	return nil
}

// WriteJSON writes the file of WriteYAML as JSON, with its names in the order of the alphabet. The
// error wraps that of w.
func WriteJSON(w io.Writer, s *topology.State, o Options) error {
	root, variables := tree(s, o)
	var file map[string]any
	if err := root.node().Decode(&file); err != nil {
		return fmt.Errorf("write topology: %w", err)
	}
	if err := jsonline.EncodeIndent(w, exact(file), "", "  "); err != nil { // 1.0 stays a float
		return fmt.Errorf("write topology: %w", err)
	}
	o.announce(variables)
	return nil
}

// tree is the topology file, and the variables that it uses, in order.
func tree(s *topology.State, o Options) (*object, []string) {
	inv := takeInventory(s, o)
	root := &object{}
	root.put("version", intNode(1))
	root.putText("name", cmp.Or(o.Name, s.Name))
	inv.body(root)
	slices.Sort(inv.variables)
	return root, inv.variables
}

func (o *Options) announce(variables []string) {
	for _, name := range variables {
		if o.NeedsVariable != nil {
			o.NeedsVariable(name)
		}
	}
}

// separateSections puts an empty line before every section.
func separateSections(text []byte) []byte {
	var out []byte
	inHead := true
	for line := range bytes.Lines(text) {
		first := line[0]
		section := first != ' ' && first != '-' && first != '#' && first != '\n' && bytes.HasSuffix(line, []byte(":\n"))
		if section && (inHead || len(out) > 0) {
			out, inHead = append(out, '\n'), false
		}
		out = append(out, line...)
	}
	return out
}

// body writes the objects: of one vhost at the top level, of others under vhosts.
func (inv *inventory) body(root *object) {
	names := slices.Sorted(maps.Keys(inv.vhosts))
	top := inv.topVHost(names)
	if top != "" {
		root.put("vhost", textNode(top))
		inv.sections(root, inv.vhosts[top])
	}
	vhosts := &object{}
	for _, name := range names {
		v := inv.vhosts[name]
		one := vhostNode(v.declared)
		if name != top {
			inv.sections(one, v)
		}
		if name != top || v.declared != nil {
			vhosts.put(name, one.node())
		}
	}
	root.putObject("vhosts", vhosts)
	root.putObject("users", inv.userNodes())
	globals := &object{}
	for _, g := range inv.globals {
		globals.put(g.Name, inv.valueNode(g.Value, g.Name))
	}
	root.putObject("globalParameters", globals)
}

// topVHost is the vhost whose objects stand at the top level: the only one, or the first that the
// state does not declare, for under vhosts it would be declared.
func (inv *inventory) topVHost(names []string) string {
	for _, name := range names {
		if len(names) == 1 || inv.vhosts[name].declared == nil {
			return name
		}
	}
	return ""
}

func vhostNode(v *topology.VHost) *object {
	o := &object{}
	if v == nil {
		return o
	}
	if v.Declared.Description || v.Description != "" {
		o.put("description", textNode(v.Description))
	}
	if v.Declared.Tags || len(v.Tags) > 0 {
		o.put("tags", listNode(v.Tags))
	}
	o.putText("defaultQueueType", v.DefaultQueueType)
	if v.ProtectedFromDeletion {
		o.put("protectedFromDeletion", boolNode(true))
	}
	return o
}

func (inv *inventory) sections(o *object, v *vhostInventory) {
	under := map[topology.Ref][]*topology.Binding{}
	for _, b := range v.bindings {
		under[destination(b)] = append(under[destination(b)], b)
	}
	exchanges := &object{}
	for _, x := range v.exchanges {
		exchanges.put(x.Name, inv.exchangeNode(x, take(under, x.Ref())))
	}
	o.putObject("exchanges", exchanges)
	queues := &object{}
	for _, q := range v.queues {
		queues.put(q.Name, inv.queueNode(q, take(under, q.Ref())))
	}
	o.putObject("queues", queues)
	o.putList("bindings", inv.freeBindings(v, under))
	policies, operator := &object{}, &object{}
	for _, p := range v.policies {
		if p.Operator {
			operator.put(p.Name, inv.policyNode(p))
		} else {
			policies.put(p.Name, inv.policyNode(p))
		}
	}
	o.putObject("policies", policies)
	o.putObject("operatorPolicies", operator)
	inv.access(o, v)
	exchangeNames, queueNames := inv.external(v)
	external := &object{}
	if len(exchangeNames) > 0 {
		external.put("exchanges", listNode(exchangeNames))
	}
	if len(queueNames) > 0 {
		external.put("queues", listNode(queueNames))
	}
	o.putObject("external", external)
}

func destination(b *topology.Binding) topology.Ref {
	if b.DestinationType == topology.ToExchange {
		return topology.ExchangeRef(b.VHost, b.Destination)
	}
	return topology.QueueRef(b.VHost, b.Destination)
}

func take(m map[topology.Ref][]*topology.Binding, ref topology.Ref) []*topology.Binding {
	list := m[ref]
	delete(m, ref)
	return list
}

// freeBindings are those to what the file does not declare.
func (inv *inventory) freeBindings(v *vhostInventory, left map[topology.Ref][]*topology.Binding) []*yaml.Node {
	var list []*yaml.Node
	for _, b := range v.bindings {
		if _, free := left[destination(b)]; !free {
			continue
		}
		o := inv.bindingNode(b)
		field := "queue"
		if b.DestinationType == topology.ToExchange {
			field = "toExchange"
		}
		o.insert(1, field, textNode(b.Destination))
		list = append(list, o.flow())
	}
	return list
}

func (inv *inventory) access(o *object, v *vhostInventory) {
	permissions := &object{}
	for _, p := range v.permissions {
		one := &object{}
		one.put("configure", textNode(p.Configure))
		one.put("write", textNode(p.Write))
		one.put("read", textNode(p.Read))
		permissions.put(p.User, one.flow())
	}
	o.putObject("permissions", permissions)
	topics := newGroups()
	for _, p := range v.topics {
		one := &object{}
		one.put("write", textNode(p.Write))
		one.put("read", textNode(p.Read))
		topics.in(p.User).put(p.Exchange, one.flow())
	}
	o.putObject("topicPermissions", topics.object())
	parameters := newGroups()
	for _, p := range v.parameters {
		parameters.in(p.Component).put(p.Name, inv.valueNode(p.Value, p.Component, p.Name))
	}
	o.putObject("parameters", parameters.object())
	limits := &object{}
	for _, l := range v.limits {
		limits.put(map[string]string{"max-connections": "maxConnections", "max-queues": "maxQueues"}[l.Name],
			intNode(l.Value))
	}
	o.putObject("limits", limits)
}

func (inv *inventory) userNodes() *object {
	users := &object{}
	for _, u := range inv.users {
		o := &object{}
		if len(u.Tags) > 0 {
			o.put("tags", listNode(u.Tags))
		}
		switch {
		case u.PasswordHash != "" && !inv.options.Mask:
			o.put("passwordHash", textNode(string(u.PasswordHash)))
			o.putText("hashingAlgorithm", strings.TrimPrefix(u.HashingAlgorithm, topology.HashingPrefix))
		case u.Password != "":
			o.put("password", variableNode(inv.variable(u.Name, "password")))
		}
		limits := &object{}
		for _, l := range inv.limits {
			if l.User == u.Name {
				limits.put(map[string]string{"max-connections": "maxConnections", "max-channels": "maxChannels"}[l.Name],
					intNode(l.Value))
			}
		}
		o.putObject("limits", limits)
		users.put(u.Name, o.node())
	}
	return users
}

func (inv *inventory) policyNode(p *topology.Policy) *yaml.Node {
	o := &object{}
	o.put("pattern", textNode(p.Pattern))
	if p.ApplyTo != topology.ApplyToAll {
		o.putText("applyTo", p.ApplyTo)
	}
	if p.Priority != 0 {
		o.put("priority", intNode(p.Priority))
	}
	definition := &object{}
	for _, key := range p.Definition.Keys() {
		known, _ := capability.LookupPolicyKey(key)
		definition.put(key, cmp.Or(quantityNode(p.Definition[key], known.Unit), inv.valueNode(p.Definition[key], key)))
	}
	o.put("definition", definition.node())
	return o.node()
}
