package spec

import (
	"strings"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

func (o Options) variables() source.Variables {
	return source.Variables{Lookup: o.Env, Forbidden: o.Forbidden, Masked: masked, Leaks: o.Leaks,
		NeedSecrets: o.NeedSecrets, Secret: o.Secret}
}

// masked reports whether a variable's value is hidden wherever the scalar under a path is shown:
// passwords and hashes of users, what parameters have under a name that says secret, and the
// credentials in their URIs.
func masked(path []string, raw, name string) bool {
	if len(path) > 2 && path[0] == "vhosts" {
		path = path[2:]
	}
	switch {
	case len(path) == 3 && path[0] == "users":
		return path[2] == "password" || path[2] == "passwordHash"
	case len(path) > 2 && path[0] == "parameters":
		return inValue(path[3:], raw, name)
	case len(path) > 1 && path[0] == "globalParameters":
		return inValue(path[2:], raw, name)
	}
	return false
}

// inValue is masked for the value of a parameter.
func inValue(path []string, raw, name string) bool {
	field := ""
	if len(path) > 0 {
		field = path[len(path)-1]
	}
	return redact.Says(field) || inCredentials(field, raw, name)
}

// inCredentials reports whether a variable stands for a whole URI or its beginning, or for a credential in one.
func inCredentials(field, raw, name string) bool {
	const mark = "\x00"
	if isURI := strings.HasSuffix(strings.ToLower(field), "uri"); isURI && strings.HasPrefix(raw, "${"+name) {
		return true
	}
	with := strings.NewReplacer("${"+name+"}", mark, "${"+name+":-", mark+"${").Replace(raw)
	return strings.Contains(with, "://") && strings.Contains(with, mark) && !strings.Contains(redact.URI(with, ""), mark)
}
