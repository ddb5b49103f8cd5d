package source

import (
	"regexp"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Lookup finds a variable: os.LookupEnv, or a map in tests.
type Lookup func(name string) (value string, ok bool)

// UnsetSecret stands for a secret that is not needed and has no value (see Variables.NeedSecrets).
// It is compared with nothing.
const UnsetSecret = "msgctl-unset-secret"

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Variables are the variables that files may use, and the rules about secrets among them. The zero
// value knows no variable and no rules.
type Variables struct {
	Lookup Lookup
	// Forbidden are the variables that no file may read: those with msgctl's own credentials.
	Forbidden []string
	// Masked reports whether a variable's value is hidden wherever the scalar raw is shown that
	// stands under a path of keys. Without it there are no rules about names; with it, a variable
	// whose name says secret (see SaysSecret) may stand in such scalars only. Keys that begin with
	// x- at the top hold anchors: their values count where aliases put them.
	Masked func(path []string, raw, name string) bool
	// Leaks reports whether a value must not be shown; nil for no value.
	Leaks func(value string) bool
	// NeedSecrets makes it an error when a variable of a masked scalar is not set. Otherwise
	// UnsetSecret takes its place.
	NeedSecrets bool
	// Secret, if not nil, is called with the value of every variable in a masked scalar.
	Secret func(value string)
}

// Expand replaces ${VAR} and ${VAR:-default} in all scalars and keys below root, in place, once for
// each node however many aliases share it. As in a shell, the default also stands for a variable
// that is set but empty. $${ writes ${, and a $ before anything else is a $. An unset variable
// without default is an error, and its scalar is marked (Node.Unset). A scalar is then read again
// as YAML would, so that "${N}" can become an integer, also where it was quoted: inside { } YAML
// needs the quotes.
func (v Variables) Expand(root *Node) diag.Diagnostics {
	e := &expander{Variables: v, seen: map[*Node]bool{}, with: map[*Node]bool{}, reported: map[string]bool{}}
	e.node(root)
	return e.problems
}

// IsVariable reports whether a text can be the name of a variable.
func IsVariable(name string) bool { return variableName.MatchString(name) }

// place is where a text with variables stands.
type place struct {
	at   diag.Position
	path []string
	raw  string
	// scalar says that it is a value, not a key.
	scalar bool
}

// absence says why a text is not known.
type absence int

const (
	present absence = iota
	hidden          // a secret that is not needed has no value
	unset           // a variable has no value, which was reported
)

var (
	secretWords = regexp.MustCompile(`PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL`)
	secretWord  = regexp.MustCompile(`(?:^|_)(?:[A-Z0-9]*KEYS?|PASS|PWD)(?:_|$)`)
	plainKey    = regexp.MustCompile(`(?:ROUTING|BINDING|PUBLIC)_?KEYS?|(?:MON|DON|TUR|HOC|JOC)KEYS?`)
)

// SaysSecret reports whether a variable's name says that it holds a secret: PASSWORD, SECRET,
// TOKEN, CREDENTIAL, and KEY, PASS and PWD as words of their own. A routing key is not a secret.
func SaysSecret(name string) bool {
	name = strings.ToUpper(name)
	return secretWords.MatchString(name) || secretWord.MatchString(plainKey.ReplaceAllString(name, ""))
}
