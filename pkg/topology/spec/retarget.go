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

// elsewhere reports a topology file for a vhost of which the definitions know nothing: it would not
// change them, and both vhosts would be planned.
func (s *Spec) elsewhere() diag.Diagnostics {
	names := map[string]bool{}
	for _, d := range s.definitions {
		for _, v := range d.VHostNames() {
			names[s.orMain(v)] = true
		}
	}
	main := s.mainVHost()
	if !s.Sections.any() && s.VHost == "" || len(names) == 0 || names[main] || s.options.VHost != "" {
		return nil
	}
	at, problem := s.FieldPosition("vhost"), fmt.Sprintf("vhost %q is none of the definitions", main)
	if s.VHost == "" {
		at, problem = s.Position(), fmt.Sprintf("without vhost, this file is for %q, which is none of the definitions", main)
	}
	list := slices.Sorted(maps.Keys(names))
	return diag.Diagnostics{{Severity: diag.Error, Position: at,
		Message: fmt.Sprintf("%s, which declare %s", problem, strings.Join(list, ", ")),
		Why:     "files that are given together are one topology: a topology file changes what the definitions declare",
		Fix: fmt.Sprintf("write vhost: %s, or run the command once for each topology; what another vhost has in addition "+
			"belongs below vhosts", list[0])}}
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
