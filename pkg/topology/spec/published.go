package spec

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Published is a declared event with where it is published.
type Published struct {
	VHost, Type, Exchange, Key string
	Position                   diag.Position
}

// Published returns all declared events, ordered by vhost of declaration and type. An event without
// an exchange, which is reported as a problem, is left out.
func (s *Spec) Published() []Published {
	list := s.Sections.published(s.mainVHost())
	for name, v := range ordered(s.VHosts) {
		list = append(list, v.Sections.published(name)...)
	}
	return list
}

func (s *Sections) published(vhost string) []Published {
	var list []Published
	for name, e := range ordered(s.Events) {
		if e == nil || e.Exchange == "" {
			continue
		}
		p := Published{VHost: vhost, Type: name, Exchange: e.Exchange, Key: name, Position: e.Position()}
		if e.Key != nil {
			p.Key = *e.Key
		}
		list = append(list, p)
	}
	return list
}

// Externals returns what the files use and somebody else declares.
func (s *Spec) Externals() map[topology.Ref]bool {
	all := map[topology.Ref]bool{}
	s.Sections.externals(s.mainVHost(), all)
	for name, v := range s.VHosts {
		v.Sections.externals(name, all)
	}
	return all
}

func (s *Sections) externals(vhost string, into map[topology.Ref]bool) {
	if s.External == nil {
		return
	}
	for _, name := range s.External.Exchanges {
		into[topology.ExchangeRef(vhost, name)] = true
	}
	for _, name := range s.External.Queues {
		into[topology.QueueRef(vhost, name)] = true
	}
}
