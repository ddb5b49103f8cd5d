package management

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// readParallel is how many list requests are under way at once.
const readParallel = 8

// Scope says what to read. The zero Scope reads nothing but the server's facts, global parameters
// and ownership.
type Scope struct {
	// VHosts are the vhosts whose objects to read.
	VHosts []string
	// All reads every vhost that the user may see instead. Those that it may not read are in
	// ClosedVHosts, and hide no others.
	All bool
	// Kinds are the kinds to read; nil means all. A kind that lives in a vhost is read in VHosts
	// only; users, user limits and global parameters are the cluster's. Vhosts, exchanges, queues
	// and bindings are always read.
	Kinds []topology.Kind
	// Owner is a topology's State.Owner. What its record of ownership names is read too: kinds and
	// vhosts that the file no longer has, so that they can be pruned.
	Owner string
}

// ScopeOf returns what Diff needs to compare a wanted state: its vhosts, the kinds it declares, and
// those whose live values decide what a broker makes of it (policies, limits).
func ScopeOf(want *topology.State) Scope {
	s := Scope{VHosts: want.VHosts(), Owner: want.Owner(), Kinds: []topology.Kind{
		topology.KindPolicy, topology.KindOperatorPolicy, topology.KindVHostLimit,
	}}
	for _, o := range want.Objects() {
		s.add(o.Ref().Kind)
	}
	return s.normal()
}

// add adds a kind. Before a vhost or a user may go, Diff must see whose the rest is.
func (s *Scope) add(k topology.Kind) {
	switch k {
	case topology.KindVHost:
		s.Kinds = append(s.Kinds, topology.Kinds()...)
	case topology.KindUser:
		s.Kinds = append(s.Kinds, topology.KindPermission, topology.KindTopicPermission)
	case topology.KindPermission, topology.KindTopicPermission, topology.KindUserLimit:
		s.Kinds = append(s.Kinds, topology.KindUser) // whether the user exists
	}
	s.Kinds = append(s.Kinds, k)
}

func (s Scope) normal() Scope {
	s.VHosts = slices.Clone(s.VHosts)
	slices.Sort(s.VHosts)
	s.VHosts = slices.Compact(s.VHosts)
	if s.Kinds == nil {
		s.Kinds = topology.Kinds()
	}
	s.Kinds = append(slices.Clone(s.Kinds), topology.KindVHost, topology.KindExchange, topology.KindQueue,
		topology.KindBinding, topology.KindGlobalParameter)
	slices.Sort(s.Kinds)
	s.Kinds = slices.Compact(s.Kinds)
	return s
}

func (s Scope) has(k topology.Kind) bool { return slices.Contains(s.Kinds, k) }

// reading is one ReadLive under way.
type reading struct {
	api   *Client
	scope Scope
	mu    sync.Mutex // guards live
	live  *topology.Live
}

// ReadLive reads the objects in scope, in parallel, with a number of requests that depends on the
// number of vhosts and not of objects. Predeclared exchanges (the default exchange "" and amq.*)
// are in the result, bindings of the default exchange are not, and bindings that look alike are one
// with several PropertiesKeys.
//
// Vhosts that do not exist are in MissingVHosts; a kind that the user may not read is in Unreadable
// with the reason. An error means that nothing can be said: it wraps topology.ErrUnreachable, or
// topology.ErrNotPermitted when the login or the access to a vhost is refused; with ErrAPI,
// ReadAMQP may still do.
//
// Messages in Status are as fresh as the broker's totals (fact totals-are-late). Consumers are not
// counted: see Refine.
func (c *Client) ReadLive(ctx context.Context, scope Scope) (*topology.Live, error) {
	r := c.newReading(scope)
	if err := r.cluster(ctx); err != nil {
		return nil, c.during(ctx, "read the broker", err)
	}
	r.extend()
	if err := r.objects(ctx); err != nil {
		return nil, c.during(ctx, "read the broker", err)
	}
	for _, vhosts := range r.live.Access {
		slices.Sort(vhosts)
	}
	return r.live, nil
}

func (c *Client) newReading(scope Scope) *reading {
	r := &reading{api: c, scope: scope.normal(), live: &topology.Live{
		Status: map[topology.Ref]topology.QueueStatus{}, Ownership: map[string]topology.Ownership{},
		Unreadable: map[topology.Kind]string{}, Access: map[string][]string{},
		Locks: map[topology.Ref]bool{},
	}}
	r.live.Server.User = c.opts.User
	return r
}

// cluster reads what the rest depends on: who we are, which vhosts there are, what is owned.
func (r *reading) cluster(ctx context.Context) error {
	g, ctx := group(ctx)
	g.Go(guarded.Try(func() error { return r.server(ctx) }))
	g.Go(guarded.Try(func() error { r.nodes(ctx); return nil }))
	g.Go(guarded.Try(func() error {
		if err := r.whoami(ctx); err != nil {
			return err
		}
		return r.globalParameters(ctx) // whose refusal names the tags that the user has
	}))
	g.Go(guarded.Try(func() error { return r.vhosts(ctx) }))
	return g.Wait()
}

// extend adds to the scope what the owner's record names.
func (r *reading) extend() {
	if r.scope.All {
		r.scope.VHosts = r.live.VHosts()
	}
	owned, ok := r.live.Ownership[r.scope.Owner]
	if !ok {
		return
	}
	for ref := range owned.Refs {
		r.scope.add(ref.Kind)
		if vhost := ref.Within(); vhost != "" {
			r.scope.VHosts = append(r.scope.VHosts, vhost)
		}
	}
	r.scope = r.scope.normal()
}

func (r *reading) objects(ctx context.Context) error {
	g, ctx := group(ctx)
	r.clusterKinds(ctx, g)
	for _, vhost := range r.scope.VHosts {
		g.Go(guarded.Try(func() error { return r.inVHost(ctx, vhost) }))
	}
	return g.Wait()
}

func (r *reading) clusterKinds(ctx context.Context, g *errgroup.Group) {
	for _, part := range []struct {
		kind  topology.Kind
		needs string
		read  func(context.Context) error
	}{
		{topology.KindUser, "administrator", r.users},
		{topology.KindUserLimit, "administrator", r.userLimits},
		{topology.KindPermission, "administrator", r.permissions},
		{topology.KindTopicPermission, "administrator", r.topicPermissions},
		{topology.KindParameter, "policymaker", r.parameters},
	} {
		if r.scope.has(part.kind) {
			g.Go(guarded.Try(func() error { return r.optional(part.kind, part.needs, part.read(ctx)) }))
		}
	}
}

// inVHost reads one vhost. Any of the lists may be the first to tell that the vhost is missing or
// closed to us.
func (r *reading) inVHost(ctx context.Context, vhost string) error {
	if err := addressable(vhost); err != nil {
		return &refusal.Error{Op: fmt.Sprintf("read vhost %q", vhost), Text: err.Error(), Cause: err}
	}
	g, ctx := group(ctx)
	for _, read := range []func(context.Context, string) error{r.bindings, r.queues, r.exchanges} { // the longest first
		g.Go(guarded.Try(func() error { return r.access(vhost, read(ctx, vhost)) }))
	}
	for _, part := range []struct {
		kind topology.Kind
		read func(context.Context, string) error
	}{
		{topology.KindPolicy, r.policies(false)},
		{topology.KindOperatorPolicy, r.policies(true)},
		{topology.KindVHostLimit, r.vhostLimits},
	} {
		if r.scope.has(part.kind) {
			g.Go(guarded.Try(func() error { return r.access(vhost, part.read(ctx, vhost)) }))
		}
	}
	return g.Wait()
}

// access tells a missing vhost from a closed one (fact closed-vhost-status). Whoever may read one
// list of a vhost may read all of them.
func (r *reading) access(vhost string, err error) error {
	var answer *Refusal
	if !errors.As(err, &answer) {
		return err
	}
	if answer.status == http.StatusNotFound && answer.code == "Object Not Found" {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.Contains(r.live.MissingVHosts, vhost) {
			r.live.MissingVHosts = append(r.live.MissingVHosts, vhost)
			slices.Sort(r.live.MissingVHosts)
		}
		return nil
	}
	if answer.denied() || answer.status == http.StatusNotFound {
		if other := r.api.refused(answer); r.scope.All && other == nil {
			r.close(vhost)
			return nil
		}
		return refusal.NoVHostAccess("read vhost "+fmt.Sprintf("%q", vhost), r.api.opts.User, vhost)
	}
	return err
}

func (r *reading) close(vhost string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.live.ClosedVHosts, vhost) {
		r.live.ClosedVHosts = append(r.live.ClosedVHosts, vhost)
		slices.Sort(r.live.ClosedVHosts)
	}
}

// optional turns a refusal to read one kind into an entry of Unreadable.
func (r *reading) optional(kind topology.Kind, tag string, err error) error {
	var answer *Refusal
	if !errors.As(err, &answer) || !answer.denied() {
		return err
	}
	if other := r.api.refused(answer); other != nil {
		return other
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live.Unreadable[kind] = fmt.Sprintf("user %q lacks the tag %s: %s", r.api.opts.User, tag,
		refusal.GiveTag(r.api.opts.User, r.live.Server.Tags, true, tag))
	return nil
}

func (r *reading) add(o topology.Object) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live.Add(o, diag.Position{})
}

func (r *reading) addAll(objects []topology.Object) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		if r.live.Has(o.Ref()) {
			continue // (fact lists-repeat-objects)
		}
		if err := r.live.Add(o, diag.Position{}); err != nil {
			return err
		}
	}
	return nil
}

// read lists a path and adds what convert makes of each element; nil is left out.
func read[T any](ctx context.Context, r *reading, path string, convert func(*T) topology.Object) error {
	var objects []topology.Object
	err := list(ctx, r.api, path, func(item *T) error {
		if o := convert(item); o != nil {
			objects = append(objects, o)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.addAll(objects)
}

func group(ctx context.Context) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readParallel)
	return g, ctx
}
