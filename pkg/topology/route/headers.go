package route

import (
	"reflect"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// matchMode is the parsed x-match of a headers binding.
type matchMode struct {
	any   bool
	withX bool
}

func modeOf(args topology.Arguments) matchMode {
	mode, _ := args["x-match"].(string)
	return matchMode{any: strings.HasPrefix(mode, "any"), withX: strings.HasSuffix(mode, "-with-x")}
}

// compares reports whether the binding argument of that name is compared with a header
// (fact headers-compare).
func (m matchMode) compares(name string) bool {
	return name != "x-match" && (m.withX || !strings.HasPrefix(name, "x-"))
}

// matchHeaders reports whether a headers binding matches a message and explains the result in one
// clause. A nil argument matches any value of the header (fact headers-compare).
func matchHeaders(args, headers topology.Arguments, version string) (bool, string) {
	m := modeOf(args)
	compared := false
	for _, name := range args.Keys() {
		if !m.compares(name) {
			continue
		}
		compared = true
		have, there := headers[name]
		ok := there && (args[name] == nil || sameHeader(args[name], have, version))
		switch {
		case m.any && ok:
			return true, "header " + name + " matches"
		case !m.any && !ok && !there:
			return false, "no header " + name
		case !m.any && !ok:
			return false, "header " + name + " differs"
		}
	}
	switch {
	case m.any:
		return false, "no header matches"
	case !compared:
		return true, "it compares no header"
	}
	return true, "all its headers match"
}

func sameHeader(want, have any, version string) bool {
	if !capability.VersionAtLeast(version, "4.0") {
		if a, ok := number(want); ok {
			b, ok := number(have)
			return ok && a == b
		}
	}
	return amqptable.Equal(want, have) || reflect.DeepEqual(want, have)
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// MatchesAllHeaders reports whether a headers binding matches every message: x-match is all (the
// default) and there is nothing to compare.
func MatchesAllHeaders(args topology.Arguments) bool {
	ok, _ := matchHeaders(args, nil, "")
	return ok
}
