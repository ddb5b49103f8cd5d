package lint

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/yamltext"
)

// Config is the section lint of a file .msgctl.yaml.
type Config struct {
	// Broker is the broker version that rules apply to: "4.3".
	Broker string `yaml:"broker"`
	// FailOn is the lowest severity that fails.
	FailOn Severity `yaml:"failOn"`
	// Rules changes severities; off disables a rule.
	Rules map[string]Severity `yaml:"rules"`
	// Ignore ignores findings by object: for definitions files, which have no comments.
	Ignore []ConfigIgnore `yaml:"ignore"`
}

// ConfigIgnore ignores the findings of a rule. Object is the name of an object, with * for any
// characters; "" means all. Reason is required.
type ConfigIgnore struct {
	Rule   string `yaml:"rule"`
	Object string `yaml:"object"`
	Reason string `yaml:"reason"`
}

// maxConfig bounds the size of the file in bytes.
const maxConfig = 1 << 20

// ParseConfig reads a configuration. Unknown fields, rules, severities and versions are errors that
// name them, all at once, each with its place: FILE:LINE.
func ParseConfig(name string, data []byte) (c Config, err error) {
	if len(data) > maxConfig {
		return Config{}, fmt.Errorf("%s: has %d bytes, and the limit is %d", name, len(data), maxConfig)
	}
	var file struct {
		Lint Config `yaml:"lint"`
	}
	if err := yamltext.DecodeFile(name, data, &file); err != nil {
		return Config{}, err
	}
	c = file.Lint
	problems := c.problems()
	for i, p := range problems {
		problems[i].line = yamltext.Line(data, append([]string{"lint"}, p.path...)...)
	}
	slices.SortStableFunc(problems, func(a, b configProblem) int { return cmp.Compare(a.line, b.line) })
	var list []error
	for _, p := range problems {
		list = append(list, fmt.Errorf("%s:%d: %s", name, p.line, p.text))
	}
	if err := errors.Join(list...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// configProblem is what is wrong at one place of the section lint.
type configProblem struct {
	path []string
	line int
	text string
}

var version = regexp.MustCompile(`^\d+\.\d+`)

func (c Config) problems() []configProblem {
	var list []configProblem
	add := func(path []string, format string, args ...any) {
		list = append(list, configProblem{path: path, text: fmt.Sprintf(format, args...)})
	}
	if c.Broker != "" && !version.MatchString(c.Broker) {
		add([]string{"broker"}, "broker: %q is no version such as 4.3", c.Broker)
	}
	if c.FailOn != "" && !slices.Contains([]Severity{Error, Warning, Note}, c.FailOn) {
		add([]string{"failOn"}, "failOn: %q is not one of error, warning, note", c.FailOn)
	}
	ids := make([]string, 0, len(c.Rules))
	for id := range c.Rules {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if _, ok := Lookup(id); !ok {
			add([]string{"rules", id}, "rules: there is no rule %q", id)
		}
		if c.Rules[id].rank() < 0 {
			add([]string{"rules", id}, "rules: %s: %q is not one of error, warning, note, off", id, c.Rules[id])
		}
	}
	for i, ig := range c.Ignore {
		at := []string{"ignore", strconv.Itoa(i)}
		if _, ok := Lookup(ig.Rule); !ok {
			add(at, "ignore[%d]: there is no rule %q", i, ig.Rule)
		}
		if strings.TrimSpace(ig.Reason) == "" {
			add(at, "ignore[%d]: give the reason why %s does not matter here", i, ig.Rule)
		}
	}
	return list
}

// Apply changes severities and ignores findings. It drops findings of rules that are off.
func (c Config) Apply(list []Finding) []Finding {
	out := make([]Finding, 0, len(list))
	for _, f := range list {
		if s, ok := c.Rules[f.Rule]; ok {
			f.Severity = s
		}
		if f.Severity == Off {
			continue
		}
		for _, ig := range c.Ignore {
			if f.Ignored == "" && ig.covers(f) {
				f.Ignored, f.ByConfig = ig.Reason, true
			}
		}
		out = append(out, f)
	}
	return out
}

func (ig ConfigIgnore) covers(f Finding) bool {
	if ig.Rule != f.Rule {
		return false
	}
	return ig.Object == "" || matchesStars(ig.Object, f.Ref.Name) || matchesStars(ig.Object, f.Object)
}

// matchesStars reports whether a name matches a pattern in which * stands for any characters.
func matchesStars(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}
