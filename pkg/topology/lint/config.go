package lint

import (
	"fmt"
	"slices"
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

// ParseConfig reads a configuration. Unknown fields, rules and severities are errors that name
// them, all at once.
func ParseConfig(name string, data []byte) (c Config, err error) {
	if len(data) > maxConfig {
		return Config{}, fmt.Errorf("%s: has %d bytes, and the limit is %d", name, len(data), maxConfig)
	}
	var file struct {
		Lint Config `yaml:"lint"`
	}
	if err := yamltext.Decode(data, &file); err != nil {
		return Config{}, fmt.Errorf("%s: %w", name, err)
	}
	c = file.Lint
	if problems := c.problems(); len(problems) > 0 {
		return Config{}, fmt.Errorf("%s: %s", name, strings.Join(problems, "; "))
	}
	return c, nil
}

func (c Config) problems() []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if c.FailOn != "" && !slices.Contains([]Severity{Error, Warning, Note}, c.FailOn) {
		add("failOn: %q is not one of error, warning, note", c.FailOn)
	}
	ids := make([]string, 0, len(c.Rules))
	for id := range c.Rules {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if _, ok := Lookup(id); !ok {
			add("rules: there is no rule %q", id)
		}
		if c.Rules[id].rank() < 0 {
			add("rules: %s: %q is not one of error, warning, note, off", id, c.Rules[id])
		}
	}
	for i, ig := range c.Ignore {
		if _, ok := Lookup(ig.Rule); !ok {
			add("ignore[%d]: there is no rule %q", i, ig.Rule)
		}
		if strings.TrimSpace(ig.Reason) == "" {
			add("ignore[%d]: give the reason why %s does not matter here", i, ig.Rule)
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
