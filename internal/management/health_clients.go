package management

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/msgctl/msgctl/internal/health"
)

func (r *healthReading) connections(ctx context.Context) error {
	type connection struct {
		Name       string          `json:"name"`
		VHost      string          `json:"vhost"`
		User       string          `json:"user"`
		Protocol   string          `json:"protocol"`
		State      string          `json:"state"`
		Peer       string          `json:"peer_host"`
		TLS        bool            `json:"ssl"`
		Heartbeat  int64           `json:"timeout"`
		Properties json.RawMessage `json:"client_properties"`
	}
	return r.optional(health.PartConnections, "monitoring",
		list(ctx, r.api, "connections?columns=name,vhost,user,protocol,state,peer_host,ssl,timeout,client_properties.product,client_properties.connection_name", func(c *connection) error {
			if c.State == "" { // it has no statistics yet
				return nil
			}
			var properties struct {
				Product string `json:"product"`
				Name    string `json:"connection_name"`
			}
			loose(c.Properties, &properties)
			if properties.Name != "" {
				c.Name = properties.Name + " (" + c.Name + ")"
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts.Connections = append(r.facts.Connections, health.Connection{
				Name: c.Name, VHost: c.VHost, User: c.User, Protocol: c.Protocol, State: c.State, Peer: c.Peer, TLS: c.TLS,
				Heartbeat: c.Heartbeat, Product: properties.Product,
			})
			return nil
		}))
}

const channelColumns = "name,vhost,user,confirm,transactional,global_prefetch_count,messages_unacknowledged," +
	"message_stats"

func (r *healthReading) channels(ctx context.Context) error {
	type channel struct {
		Name    string          `json:"name"`
		VHost   string          `json:"vhost"`
		User    string          `json:"user"`
		Confirm bool            `json:"confirm"`
		Tx      bool            `json:"transactional"`
		Global  int64           `json:"global_prefetch_count"`
		Unacked int64           `json:"messages_unacknowledged"`
		Stats   json.RawMessage `json:"message_stats"`
	}
	// The flag comes up to 5 s late, and the counts may be read between a message and its confirm:
	// samples tell what was published before (fact statistics-are-late).
	return r.optional(health.PartChannels, "monitoring",
		list(ctx, r.api, "channels?msg_rates_age=20&msg_rates_incr=10&columns="+channelColumns, func(c *channel) error {
			var stats struct {
				Published   int64       `json:"publish"`
				Confirmed   int64       `json:"confirm"`
				PublishRate publishJSON `json:"publish_details"`
				Delivered   int64       `json:"deliver_get"`
				Redelivered int64       `json:"redeliver"`
			}
			loose(c.Stats, &stats)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts.Channels = append(r.facts.Channels, health.Channel{
				Name: c.Name, VHost: c.VHost, User: c.User, Confirm: c.Confirm ||
					stats.Confirmed > 0, Tx: c.Tx, GlobalPrefetch: c.Global, Unacked: c.Unacked,
				Published: stats.Published, Young: stats.PublishRate.young(), PublishRate: stats.PublishRate.Rate,
				Delivered: stats.Delivered, Redelivered: stats.Redelivered,
			})
			return nil
		}))
}

// publishJSON is what message_stats tells of the messages that a channel published: the rate, and
// the count at some times, the newest first.
type publishJSON struct {
	Rate    float64 `json:"rate"`
	Samples []struct {
		Count int64 `json:"sample"`
		Time  int64 `json:"timestamp"` // milliseconds
	} `json:"samples"`
}

// young reports whether the channel had published nothing at least 10 s before the newest sample.
func (p *publishJSON) young() bool {
	for _, s := range p.Samples {
		if p.Samples[0].Time-s.Time >= 10_000 {
			return s.Count == 0
		}
	}
	return len(p.Samples) > 0
}

func (r *healthReading) consumers(ctx context.Context) error {
	type consumer struct {
		Queue struct {
			VHost string `json:"vhost"`
			Name  string `json:"name"`
		} `json:"queue"`
		Channel  json.RawMessage `json:"channel_details"`
		Prefetch int64           `json:"prefetch_count"`
		Ack      bool            `json:"ack_required"`
	}
	return r.optional(health.PartConsumers, "management",
		list(ctx, r.api, "consumers?columns=queue.name,queue.vhost,channel_details.name,prefetch_count,ack_required",
			func(c *consumer) error {
				var channel struct {
					Name string `json:"name"`
				}
				loose(c.Channel, &channel)
				r.mu.Lock()
				defer r.mu.Unlock()
				r.facts.Consumers = append(r.facts.Consumers,
					health.Consumer{VHost: c.Queue.VHost, Queue: c.Queue.Name, Channel: channel.Name, Prefetch: c.Prefetch,
						Ack: c.Ack})
				return nil
			}))
}

// QueueBytes returns what the messages of each queue of a vhost take of its limit in bytes. These
// are statistics (fact statistics-are-late), which the broker has to collect for every queue of the
// vhost.
func (c *Client) QueueBytes(ctx context.Context, vhost string) (map[string]int64, error) {
	type size struct {
		Name  string `json:"name"`
		Bytes int64  `json:"message_bytes"`
	}
	sizes := map[string]int64{}
	err := list(ctx, c, path("queues", vhost)+"?columns=name,message_bytes", func(q *size) error {
		sizes[q.Name] = q.Bytes
		return nil
	})
	return sizes, c.during(ctx, "measure queues", err)
}

func (r *healthReading) users(ctx context.Context) error {
	return r.optional(health.PartUsers, "administrator", list(ctx, r.api, "users", func(u *userJSON) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.facts.Users = append(r.facts.Users, health.User{Name: u.Name, Algorithm: u.Algorithm, Tags: u.Tags,
			NoPassword: u.Hash == ""})
		return nil
	}))
}

// featureFlags reads those that are stable and not enabled. Not every user may read them (fact
// feature-lists).
func (r *healthReading) featureFlags(ctx context.Context) error {
	type flag struct {
		Name      string `json:"name"`
		State     string `json:"state"`
		Stability string `json:"stability"`
	}
	return r.optional(health.PartFeatures, "administrator", list(ctx, r.api, "feature-flags", func(f *flag) error {
		if f.State == "disabled" && f.Stability != "experimental" {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts.DisabledFlags = append(r.facts.DisabledFlags, f.Name)
		}
		return nil
	}))
}

// deprecated reads the deprecated features in use. Older brokers answer 404 (fact feature-lists).
func (r *healthReading) deprecated(ctx context.Context) error {
	type feature struct {
		Name string `json:"name"`
	}
	return r.optional(health.PartDeprecated, "administrator",
		list(ctx, r.api, "deprecated-features/used", func(f *feature) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.facts.Deprecated = append(r.facts.Deprecated, f.Name)
			return nil
		}))
}

// guest tries the login that every installation begins with. Brokers take it from their own machine
// only, unless they are told otherwise.
func (r *healthReading) guest(ctx context.Context, o Options) error {
	o.User, o.Password = "guest", "guest"
	a, err := New(o)
	if err != nil {
		return err
	}
	defer a.Close()
	var who struct {
		Name string `json:"name"`
	}
	err = a.get(ctx, "whoami", &who)
	var answer *Refusal
	if err != nil && !errors.As(err, &answer) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts.GuestWorks = err == nil && who.Name == "guest"
	return nil
}
