package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/refusal"
)

// healthReading is one Health under way.
type healthReading struct {
	api   *Client
	mu    sync.Mutex // guards facts
	facts *health.Facts
	// raised are the alarms of this moment.
	raised []alarm
	// tags are those of the login, nil before they are read.
	tags []string
}

// alarm is one that a node has raised.
type alarm struct {
	Node     string `json:"node"`
	Resource string `json:"resource"` // memory, disk
}

// Health reads what the broker tells of its nodes, connections, channels, consumers and queues: a
// dozen list requests, whatever their number, each of the fields that are needed. With deep it also
// reads users, feature flags and deprecated features, and tries the password guest.
//
// A part that the user may not read is in Unread, with what to do about it. An error means that
// nothing can be said; it wraps topology.ErrUnreachable or topology.ErrNotPermitted.
func (c *Client) Health(ctx context.Context, deep bool) (*health.Facts, error) {
	r := &healthReading{api: c, facts: &health.Facts{User: c.opts.User, Unread: map[health.Part]string{}}}
	if err := r.overview(ctx); err != nil {
		return nil, c.during(ctx, "read the broker's health", err)
	}
	monitor, err := r.isMonitor(ctx)
	if err != nil {
		return nil, c.during(ctx, "read the broker's health", err)
	}
	reads := []func(context.Context) error{r.nodes, r.alarms, r.vhosts, r.queues, r.consumers}
	if monitor {
		reads = append(reads, r.connections, r.channels)
	}
	g, gctx := group(ctx)
	for _, read := range reads {
		g.Go(guarded.Try(func() error { return read(gctx) }))
	}
	if deep {
		for _, read := range []func(context.Context) error{r.users, r.featureFlags, r.deprecated} {
			g.Go(guarded.Try(func() error { return read(gctx) }))
		}
		g.Go(guarded.Try(func() error { return r.guest(gctx, c.opts) }))
	}
	if err := g.Wait(); err != nil {
		return nil, c.during(ctx, "read the broker's health", err)
	}
	r.facts.CountMessages()
	r.applyAlarms()
	return r.facts, nil
}

// optional notes why a part could not be read.
func (r *healthReading) optional(part health.Part, tag string, err error) error {
	var answer *Refusal
	if !errors.As(err, &answer) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case answer.denied():
		r.facts.Unread[part] = r.lacks(tag)
	case answer.status == http.StatusNotFound:
		r.facts.Unread[part] = health.NotReported
	default:
		return err
	}
	return nil
}

// isMonitor reports whether the user may see other users' connections and channels. Without that
// right the lists say nothing about others (fact own-connections-only).
func (r *healthReading) isMonitor(ctx context.Context) (bool, error) {
	var who struct {
		Tags tags `json:"tags"`
	}
	if err := r.api.get(ctx, "whoami", &who); err != nil {
		return false, err
	}
	if slices.Contains(who.Tags, "monitoring") || slices.Contains(who.Tags, "administrator") {
		return true, nil
	}
	r.tags = append([]string{}, who.Tags...)
	for _, part := range []health.Part{health.PartConnections, health.PartChannels} {
		r.facts.Unread[part] = r.lacks("monitoring")
	}
	return false, nil
}

func (r *healthReading) lacks(tag string) string {
	return fmt.Sprintf("user %q lacks the tag %s: %s", r.api.opts.User, tag,
		refusal.GiveTag(r.api.opts.User, r.tags, r.tags != nil, tag))
}

// rateJSON is one of the rates of message_stats.
type rateJSON struct {
	Rate float64 `json:"rate"`
}

func (r *healthReading) overview(ctx context.Context) error {
	var o struct {
		Cluster string `json:"cluster_name"`
		Version string `json:"rabbitmq_version"`
		Erlang  string `json:"erlang_version"`
		Objects struct {
			Connections, Channels, Consumers, Queues int64
		} `json:"object_totals"`
		Stats json.RawMessage `json:"message_stats"`
		Ports []struct {
			Protocol string `json:"protocol"`
			Address  string `json:"ip_address"`
			Port     int    `json:"port"`
		} `json:"listeners"`
	}
	if err := r.api.get(ctx, "overview?columns=cluster_name,rabbitmq_version,erlang_version,object_totals,message_stats,listeners", &o); err != nil {
		return err
	}
	f := r.facts
	f.Cluster, f.Version, f.Erlang = o.Cluster, o.Version, o.Erlang
	f.Totals = health.Totals{Connections: o.Objects.Connections, Channels: o.Objects.Channels,
		Consumers: o.Objects.Consumers, Queues: o.Objects.Queues}
	var stats struct {
		Publish rateJSON `json:"publish_details"`
		Deliver rateJSON `json:"deliver_get_details"`
	}
	loose(o.Stats, &stats)
	f.Totals.PublishRate, f.Totals.DeliverRate = stats.Publish.Rate, stats.Deliver.Rate
	for _, p := range o.Ports {
		f.Listeners = append(f.Listeners, health.Listener{Protocol: p.Protocol, Address: p.Address, Port: p.Port})
	}
	return nil
}

// loose decodes an object that is an empty list when the broker has nothing to put into it.
func loose(text json.RawMessage, v any) {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		_ = decode(text, v) // what is missing is zero
	}
}

func (r *healthReading) nodes(ctx context.Context) error {
	type node struct {
		Name       string   `json:"name"`
		Running    bool     `json:"running"`
		Draining   bool     `json:"being_drained"`
		MemUsed    int64    `json:"mem_used"`
		MemLimit   int64    `json:"mem_limit"`
		MemAlarm   bool     `json:"mem_alarm"`
		DiskFree   int64    `json:"disk_free"`
		DiskLimit  int64    `json:"disk_free_limit"`
		DiskAlarm  bool     `json:"disk_free_alarm"`
		FDUsed     int64    `json:"fd_used"`
		FDTotal    int64    `json:"fd_total"`
		Uptime     int64    `json:"uptime"`
		Partitions []string `json:"partitions"`
	}
	return r.optional(health.PartNodes, "monitoring",
		list(ctx, r.api, "nodes?columns=name,running,being_drained,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,uptime,partitions", func(n *node) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts.Nodes = append(r.facts.Nodes, health.Node{
				Name: n.Name, Running: n.Running, Draining: n.Draining, MemUsed: n.MemUsed, MemLimit: n.MemLimit,
				MemAlarm: n.MemAlarm,
				DiskFree: n.DiskFree, DiskLimit: n.DiskLimit, DiskAlarm: n.DiskAlarm, FDUsed: n.FDUsed, FDTotal: n.FDTotal,
				Uptime: time.Duration(n.Uptime) * time.Millisecond, Partitions: n.Partitions,
			})
			return nil
		}))
}

// alarms asks for the alarms of this moment, which the statistics of nodes do not have
// (fact statistics-are-late). The broker answers 503 when there is one.
func (r *healthReading) alarms(ctx context.Context) error {
	err := r.api.get(ctx, "health/checks/alarms", &struct{}{})
	var answer *Refusal
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &answer):
		return err
	}
	var body struct {
		Alarms []alarm `json:"alarms"`
	}
	loose(answer.body, &body) // a user who may not read it gets the statistics
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raised = body.Alarms
	return nil
}

func (r *healthReading) applyAlarms() {
	for i := range r.facts.Nodes {
		n := &r.facts.Nodes[i]
		for _, a := range r.raised {
			if a.Node == n.Name {
				n.MemAlarm, n.DiskAlarm = n.MemAlarm || a.Resource == "memory", n.DiskAlarm || a.Resource == "disk"
			}
		}
	}
}

func (r *healthReading) vhosts(ctx context.Context) error {
	return list(ctx, r.api, "vhosts?disable_stats=true&columns=name", func(v *vhostJSON) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.facts.VHosts = append(r.facts.VHosts, v.Name)
		return nil
	})
}

func (r *healthReading) queues(ctx context.Context) error {
	type queue struct {
		VHost   string   `json:"vhost"`
		Name    string   `json:"name"`
		Type    string   `json:"type"`
		State   string   `json:"state"`
		Members []string `json:"members"`
		Online  []string `json:"online"`
		Ready   int64    `json:"messages_ready"`
		Unacked int64    `json:"messages_unacknowledged"`
	}
	columns := "vhost,name,type,state,members,online,messages_ready,messages_unacknowledged"
	name := func(q *queue) string { return path(q.VHost, q.Name) }
	return listQueues(ctx, r.api, "", columns, name, func(q *queue) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.facts.Queues = append(r.facts.Queues,
			health.Queue{VHost: q.VHost, Name: q.Name, Type: q.Type, State: q.State, Members: q.Members, Online: q.Online,
				Ready: q.Ready, Unacked: q.Unacked})
		return nil
	})
}
