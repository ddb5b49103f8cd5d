package spec

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
	"github.com/msgctl/msgctl/pkg/topology/spec/definitions"
)

// Options say how files are read. The zero value is usable: no variable is set, the vhost is "/".
type Options struct {
	// Env finds variables.
	Env source.Lookup
	// NeedSecrets makes it an error when a variable that holds a secret is not set. Without it,
	// only what applies a file needs them: a user keeps its password, a parameter has
	// source.UnsetSecret.
	NeedSecrets bool
	// Forbidden are variables that no file may read: those of the program's own credentials.
	Forbidden []string
	// Leaks reports whether the value of a variable must not stand in a field that is shown; nil
	// for none.
	Leaks func(value string) bool
	// Secret, if not nil, is called with the value of every variable in a masked field.
	Secret func(value string)
	// DefaultVHost holds the objects of files that name no vhost: the connection's. "" means "/".
	DefaultVHost string
	// VHost, when not "", holds the objects instead of the vhost that the files name. It is an
	// error when they name several.
	VHost string
	// Exists reports whether a file that the topology names is there. nil: existence is not
	// checked.
	Exists func(path string) bool
}

func (o Options) defaultVHost() string {
	if o.DefaultVHost == "" {
		return "/"
	}
	return o.DefaultVHost
}

// Load reads topology files, YAML or JSON, and RabbitMQ's definitions files. Topology documents
// merge in order (see source.Merge). Definitions are added to them, and those that come first are
// changed by the topology documents, object by object. Every problem is reported. The Spec is nil
// when a text could not be read at all. Otherwise it has what could be understood, so that Resolve
// can look for further problems in it. A Spec with errors must not be applied.
func Load(files []source.Input, o Options) (*Spec, diag.Diagnostics) {
	if o.Env == nil {
		o.Env = func(string) (string, bool) { return "", false }
	}
	l := loader{options: o}
	for _, file := range files {
		l.file(file)
	}
	if l.problems.HasErrors() {
		return nil, l.rest()
	}
	s := &Spec{definitions: l.definitions, bases: l.bases, options: o}
	if l.root != nil {
		d := &decode.Decoder{Extensions: true}
		d.Structure(l.root, reflect.ValueOf(s).Elem(), decode.Field{})
		l.problems, s.lost = append(l.problems, d.Problems...), d.Lost
	} else if len(l.definitions) == 0 {
		l.problems = append(l.problems, nothing(files))
	}
	l.problems = append(l.problems, s.retarget()...)
	l.problems = append(l.problems, s.elsewhere()...)
	l.problems = append(l.problems, l.lenient...)
	l.problems.Sort()
	return s, l.problems
}

// Read is Load and Resolve: the way from files to the state they declare, with all that is wrong
// with it. The State is nil when a text could not be read at all.
func Read(files []source.Input, o Options) (*Spec, *topology.State, diag.Diagnostics) {
	s, problems := Load(files, o)
	if s == nil {
		return nil, nil, problems
	}
	state, more := s.Resolve()
	problems = append(problems, more...)
	problems.Sort()
	return s, state, problems
}

type loader struct {
	options     Options
	root        *source.Node
	definitions []*definitions.File
	// bases is how many of them come before the first topology file.
	bases    int
	broken   bool // a file could not be read
	problems diag.Diagnostics
	// lenient are the problems inside of definitions, and of variables: they do not keep others
	// from being found.
	lenient diag.Diagnostics
}

// rest returns the problems of files of which one could not be read: also those that the others
// have whatever stands in it.
func (l *loader) rest() diag.Diagnostics {
	problems := append(l.problems, l.lenient...)
	if l.root != nil && l.broken {
		d := &decode.Decoder{Extensions: true, Partial: true}
		d.Structure(l.root, reflect.ValueOf(new(Spec)).Elem(), decode.Field{})
		problems = append(problems, d.Problems...)
	}
	problems.Sort()
	return problems
}

func (l *loader) file(file source.Input) {
	docs, problems := source.Parse(file.Name, file.Data)
	l.problems = append(l.problems, problems...)
	l.broken = l.broken || problems.HasErrors()
	for _, doc := range docs {
		switch {
		case definitions.Is(doc):
			d, problems := definitions.Read(doc.Root)
			l.definitions, l.lenient = append(l.definitions, d), append(l.lenient, problems...)
			if l.root == nil {
				l.bases++
			}
		case doc.Root.Kind != source.Mapping:
			l.problems = append(l.problems, diag.Diagnostic{Severity: diag.Error, Position: doc.Root.Pos,
				Message: "a topology file must be a mapping, not " +
					doc.Root.Describe(), Fix: "start with version: 1, then exchanges:, queues: and the rest"})
		default:
			l.lenient = append(l.lenient, l.options.variables().Expand(doc.Root)...)
			l.overlay(doc.Root)
		}
	}
}

func (l *loader) overlay(root *source.Node) {
	if l.root == nil {
		l.root = root
		if l.bases > 0 {
			l.removals(root)
		}
		return
	}
	l.sameTopology(root)
	merged, problems := source.Merge(l.root, root)
	l.root, l.problems = merged, append(l.problems, problems...)
}

// sameTopology reports an overlay that is another topology: what it declares would be applied under
// the wrong name, or in the wrong vhost.
func (l *loader) sameTopology(over *source.Node) {
	for _, key := range []string{"name", "vhost"} {
		first, second := l.root.Get(key), over.Get(key)
		if first == nil || second == nil || first.Kind != source.String || second.Kind != source.String ||
			first.Text == second.Text {
			continue
		}
		l.problems = append(l.problems, diag.Diagnostic{Severity: diag.Error, Position: second.Pos,
			Message: fmt.Sprintf("%s %q differs from %s %q of %s", key, second.Text, key, first.Text, first.Pos),
			Why:     "files that are given together are one topology, in which later files change earlier ones",
			Fix:     "take the " + key + " out of the later file, or run the command once for each topology"})
	}
}

func nothing(files []source.Input) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Message: "no file declares anything", Fix: "see examples/topology.yaml"}
	if len(files) == 1 {
		d.Message, d.Position.File = "the file declares nothing", files[0].Name
	}
	return d
}

func (o Options) variables() source.Variables {
	return source.Variables{Lookup: o.Env, Forbidden: o.Forbidden, Masked: masked, Leaks: o.Leaks,
		NeedSecrets: o.NeedSecrets, Secret: o.Secret}
}

// masked reports whether a variable's value is hidden wherever the scalar under a path is shown.
// That is so for passwords and hashes of users. In parameters, it is so for values under a name
// that says secret, and for the credentials in URIs.
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

// inCredentials reports whether a variable stands for a whole URI or its beginning, or for a
// credential in one.
func inCredentials(field, raw, name string) bool {
	const mark = "\x00"
	if isURI := strings.HasSuffix(strings.ToLower(field), "uri"); isURI && strings.HasPrefix(raw, "${"+name) {
		return true
	}
	with := strings.NewReplacer("${"+name+"}", mark, "${"+name+":-", mark+"${").Replace(raw)
	return strings.Contains(with, "://") && strings.Contains(with, mark) && !strings.Contains(redact.URI(with, ""), mark)
}
