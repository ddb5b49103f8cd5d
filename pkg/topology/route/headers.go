package route

import (
	"reflect"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// matchMode is a headers binding's x-match, taken apart.
type matchMode struct {
	any   bool
	withX bool
}

func modeOf(args topology.Arguments) matchMode {
	mode, _ := args["x-match"].(string)
	return matchMode{any: strings.HasPrefix(mode, "any"), withX: strings.HasSuffix(mode, "-with-x")}
}

// compares says whether the binding argument of that name is compared with a header: x-match never
// is, others that begin with x- only in the modes all-with-x and any-with-x (seen on 3.10.8, 4.0.5,
// 4.3.6).
func (m matchMode) compares(name string) bool {
	return name != "x-match" && (m.withX || !strings.HasPrefix(name, "x-"))
}

// matchHeaders reports whether a headers binding lets a message through, and in one clause why. A
// nil argument wants the header to be there only. Integers of all widths are one; 1.0 equals 1 on
// 3.10 and not on 4.x (seen on 3.10.8, 4.0.5, 4.3.6).
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

// MatchesAllHeaders reports whether a headers binding lets every message through: x-match all (the
// default) with nothing to compare.
func MatchesAllHeaders(args topology.Arguments) bool {
	ok, _ := matchHeaders(args, nil, "")
	return ok
}
