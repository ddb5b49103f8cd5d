package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// retarget moves the objects of the one vhost that the files name to Options.VHost.
func (s *Spec) retarget() diag.Diagnostics {
	if s.options.VHost == "" {
		return nil
	}
	names := s.vhosts()
	if len(names) > 1 {
		return diag.Diagnostics{{Severity: diag.Error, Position: s.FieldPosition("vhosts"),
			Message: fmt.Sprintf("the files name several vhosts (%s), so they cannot all be %q", strings.Join(names, ", "),
				s.options.VHost),
			Fix: "ask for no vhost, or give a file of one vhost"}}
	}
	if s.VHost != s.options.VHost {
		s.VHost, s.moved = s.options.VHost, true
	}
	for _, only := range s.VHosts {
		s.VHosts = map[string]*VHost{s.options.VHost: only}
	}
	for _, d := range s.definitions {
		d.MoveTo(s.options.VHost)
	}
	return nil
}

// vhosts returns the names of all vhosts that the files put something into.
func (s *Spec) vhosts() []string {
	names := map[string]bool{}
	if s.Sections.any() || s.VHost != "" {
		names[s.mainVHost()] = true
	}
	for name := range s.VHosts {
		names[name] = true
	}
	for _, d := range s.definitions {
		for _, v := range d.VHostNames() {
			names[s.orMain(v)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// mainVHost holds the objects that stand at the top level of the file.
func (s *Spec) mainVHost() string { return s.orMain(s.VHost) }

func (s *Spec) orMain(name string) string {
	switch {
	case name != "":
		return name
	case s.VHost != "":
		return s.VHost
	}
	return s.options.defaultVHost()
}

func (s *Sections) any() bool {
	return len(s.Exchanges)+len(s.Queues)+len(s.Bindings)+len(s.Policies)+len(s.OperatorPolicies)+len(s.Permissions)+
		len(s.TopicPermissions)+len(s.Parameters)+len(s.Events)+len(s.Tests) > 0 || s.Limits != nil || s.External != nil
}
