package export

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Options say what a written file holds. The zero value leaves users and secrets out.
type Options struct {
	// Name is the topology's name in the file. "" means the state's.
	Name string
	// Users includes users with their password hashes, limits and permissions.
	Users bool
	// Secrets writes credentials inside of parameters (URIs of shovels and federation upstreams) as
	// they are. Without it, a topology file gets a variable in place of each. Definitions files
	// know no variables: they always have them.
	Secrets bool
	// Mask writes topology.Redacted in place of every credential, those of users among them: such a
	// file is to be read, and cannot be imported.
	Mask bool
	// Schema is the address of the JSON Schema, for editors. "" for none.
	Schema string
	// NeedsVariable, if not nil, is called for every variable that must be set to use the topology
	// file.
	NeedsVariable func(name string)
}

// exportable reports whether an object belongs into a file: not what every vhost has, what a
// connection owns, what identifies a cluster, or msgctl's own records.
func exportable(o topology.Object, opt Options) bool {
	switch x := o.(type) {
	case *topology.User, *topology.UserLimit, *topology.Permission, *topology.TopicPermission:
		return opt.Users
	case *topology.Exchange:
		return x.Name != "" && !capability.IsReserved(x.Name)
	case *topology.Queue:
		return !x.Exclusive && !capability.IsReserved(x.Name)
	case *topology.Binding:
		return x.Source != "" && (x.DestinationType == topology.ToExchange || !capability.IsReserved(x.Destination))
	case *topology.GlobalParameter:
		return !topology.IsOwnParameter(x.Name) && !identifiesCluster(x.Name)
	}
	return true
}

func identifiesCluster(parameter string) bool {
	return slices.Contains([]string{"cluster_name", "internal_cluster_id", "cluster_tags"}, parameter)
}

// inventory is a state's objects, sorted into what a file has sections for.
type inventory struct {
	state     *topology.State
	options   Options
	vhosts    map[string]*vhostInventory
	users     []*topology.User
	limits    []*topology.UserLimit
	globals   []*topology.GlobalParameter
	variables []string
}

type vhostInventory struct {
	name        string
	declared    *topology.VHost
	exchanges   []*topology.Exchange
	queues      []*topology.Queue
	bindings    []*topology.Binding
	policies    []*topology.Policy
	permissions []*topology.Permission
	topics      []*topology.TopicPermission
	parameters  []*topology.Parameter
	limits      []*topology.VHostLimit
}

func takeInventory(s *topology.State, o Options) *inventory {
	inv := &inventory{state: s, options: o, vhosts: map[string]*vhostInventory{}}
	for _, object := range s.Objects() {
		if exportable(object, o) && !inv.dangling(object) {
			inv.add(object)
		}
	}
	return inv
}

// dangling reports a binding to an exclusive queue, which is not exported.
func (inv *inventory) dangling(o topology.Object) bool {
	b, ok := o.(*topology.Binding)
	if !ok || b.DestinationType != topology.ToQueue {
		return false
	}
	q, ok := inv.state.Get(topology.QueueRef(b.VHost, b.Destination))
	return ok && !exportable(q, inv.options)
}

func (inv *inventory) add(o topology.Object) {
	switch x := o.(type) {
	case *topology.User:
		inv.users = append(inv.users, x)
	case *topology.UserLimit:
		inv.limits = append(inv.limits, x)
	case *topology.GlobalParameter:
		inv.globals = append(inv.globals, x)
	case *topology.VHost:
		inv.vhost(x.Name).declared = x
	default:
		inv.vhost(o.Ref().VHost).add(o)
	}
}

func (inv *inventory) vhost(name string) *vhostInventory {
	if inv.vhosts[name] == nil {
		inv.vhosts[name] = &vhostInventory{name: name}
	}
	return inv.vhosts[name]
}

func (v *vhostInventory) add(o topology.Object) {
	switch x := o.(type) {
	case *topology.Exchange:
		v.exchanges = append(v.exchanges, x)
	case *topology.Queue:
		v.queues = append(v.queues, x)
	case *topology.Binding:
		v.bindings = append(v.bindings, x)
	case *topology.Policy:
		v.policies = append(v.policies, x)
	case *topology.Permission:
		v.permissions = append(v.permissions, x)
	case *topology.TopicPermission:
		v.topics = append(v.topics, x)
	case *topology.Parameter:
		v.parameters = append(v.parameters, x)
	case *topology.VHostLimit:
		v.limits = append(v.limits, x)
	}
}

// external finds what the objects of a vhost lead to and the state does not have.
func (inv *inventory) external(v *vhostInventory) (exchanges, queues []string) {
	x, q := map[string]bool{}, map[string]bool{}
	exchange := func(name any) {
		if text, ok := name.(string); ok && !capability.IsPredeclared(text) && !capability.IsBrokerDeclared(text) &&
			!inv.state.Has(topology.ExchangeRef(v.name, text)) {
			x[text] = true
		}
	}
	queue := func(name string) {
		if !inv.state.Has(topology.QueueRef(v.name, name)) {
			q[name] = true
		}
	}
	for _, b := range v.bindings {
		exchange(b.Source)
		if b.DestinationType == topology.ToExchange {
			exchange(b.Destination)
		} else {
			queue(b.Destination)
		}
	}
	for _, one := range v.exchanges {
		exchange(one.Arguments["alternate-exchange"])
	}
	for _, one := range v.queues {
		target := one.Arguments["x-dead-letter-exchange"]
		exchange(target)
		if key, ok := one.Arguments["x-dead-letter-routing-key"].(string); ok && target == "" {
			queue(key)
		}
	}
	for _, p := range v.policies {
		exchange(p.Definition["dead-letter-exchange"])
		exchange(p.Definition["alternate-exchange"])
	}
	return sortedKeys(x), sortedKeys(q)
}

var notInVariables = regexp.MustCompile(`[^A-Z0-9]+`)

// variable makes the name of an environment variable of words, and remembers it.
func (inv *inventory) variable(words ...string) string {
	name := strings.Trim(notInVariables.ReplaceAllString(strings.ToUpper(strings.Join(words, "_")), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "SECRET_" + name
	}
	unique := name
	for n := 2; slices.Contains(inv.variables, unique); n++ {
		unique = name + "_" + strconv.Itoa(n)
	}
	inv.variables = append(inv.variables, unique)
	return unique
}
