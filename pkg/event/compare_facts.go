package event

import (
	"maps"
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// facts is the combined content of all parts of a schema.
type facts struct {
	parts      []*jsonschema.Schema
	never      bool
	types      map[string]bool // nil: any
	values     map[string]bool // of enum and const, as JSON; nil: any
	patterns   map[string]bool
	formats    map[string]bool
	properties map[string][]*jsonschema.Schema
	required   map[string]bool
	closed     bool
	items      []*jsonschema.Schema
	unique     bool
}

func factsOf(schemas []*jsonschema.Schema) *facts {
	f := &facts{patterns: map[string]bool{}, formats: map[string]bool{}}
	all, ok := conjunction(schemas)
	f.parts, f.never = all, !ok
	f.properties, f.required = members(all)
	for _, s := range all {
		f.scalars(s)
		f.closed = f.closed || s.AdditionalProperties == false || s.UnevaluatedProperties != nil &&
			isFalse(s.UnevaluatedProperties)
		if s.Items2020 != nil {
			f.items = append(f.items, s.Items2020)
		}
		f.unique = f.unique || s.UniqueItems
	}
	return f
}

// scalars collects the keywords of a schema about single values.
func (f *facts) scalars(s *jsonschema.Schema) {
	if s.Types != nil && !s.Types.IsEmpty() {
		f.types = both(f.types, s.Types.ToStrings())
	}
	if s.Enum != nil {
		f.values = both(f.values, jsonTexts(s.Enum.Values))
	}
	if s.Const != nil {
		f.values = both(f.values, jsonTexts([]any{*s.Const}))
	}
	if s.Pattern != nil {
		f.patterns[s.Pattern.String()] = true
	}
	if s.Format != nil {
		f.formats[s.Format.Name] = true
	}
}

func isFalse(s *jsonschema.Schema) bool { return s.Bool != nil && !*s.Bool }

func both(have map[string]bool, names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		if have == nil || have[n] {
			out[n] = true
		}
	}
	return out
}

func jsonTexts(values []any) (list []string) {
	for _, v := range values {
		if text, err := jsonline.Append(nil, v); err == nil {
			list = append(list, string(text))
		}
	}
	return list
}

// bound is one keyword that sets a lower bound (sign 1) or an upper bound (-1).
type bound struct {
	name string
	sign int
	of   func(*jsonschema.Schema) *big.Rat
}

func limits() []bound {
	n := func(get func(*jsonschema.Schema) *int) func(*jsonschema.Schema) *big.Rat {
		return func(s *jsonschema.Schema) *big.Rat {
			if v := get(s); v != nil {
				return big.NewRat(int64(*v), 1)
			}
			return nil
		}
	}
	return []bound{
		{"minimum", 1, func(s *jsonschema.Schema) *big.Rat { return s.Minimum }}, {"exclusiveMinimum", 1,
			func(s *jsonschema.Schema) *big.Rat { return s.ExclusiveMinimum }},
		{"maximum", -1, func(s *jsonschema.Schema) *big.Rat { return s.Maximum }}, {"exclusiveMaximum", -1,
			func(s *jsonschema.Schema) *big.Rat { return s.ExclusiveMaximum }},
		{"minLength", 1, n(func(s *jsonschema.Schema) *int { return s.MinLength })}, {"maxLength", -1,
			n(func(s *jsonschema.Schema) *int { return s.MaxLength })},
		{"minItems", 1, n(func(s *jsonschema.Schema) *int { return s.MinItems })}, {"maxItems", -1,
			n(func(s *jsonschema.Schema) *int { return s.MaxItems })},
		{"minProperties", 1, n(func(s *jsonschema.Schema) *int { return s.MinProperties })}, {"maxProperties", -1,
			n(func(s *jsonschema.Schema) *int { return s.MaxProperties })},
	}
}

func tightest(parts []*jsonschema.Schema, k bound) (v *big.Rat) {
	for _, s := range parts {
		if n := k.of(s); n != nil && (v == nil || n.Cmp(v) == k.sign) {
			v = n
		}
	}
	return v
}

// structure is a keyword with subschemas.
type structure struct {
	name string
	of   func(*jsonschema.Schema) []*jsonschema.Schema
}

func structures() []structure {
	one := func(get func(*jsonschema.Schema) *jsonschema.Schema) func(*jsonschema.Schema) []*jsonschema.Schema {
		return func(s *jsonschema.Schema) []*jsonschema.Schema {
			if x := get(s); x != nil {
				return []*jsonschema.Schema{x}
			}
			return nil
		}
	}
	return []structure{
		{"oneOf", func(s *jsonschema.Schema) []*jsonschema.Schema { return s.OneOf }}, {"anyOf",
			func(s *jsonschema.Schema) []*jsonschema.Schema { return s.AnyOf }},
		{"prefixItems", func(s *jsonschema.Schema) []*jsonschema.Schema { return s.PrefixItems }},
		{"not", one(func(s *jsonschema.Schema) *jsonschema.Schema { return s.Not })}, {"if",
			one(func(s *jsonschema.Schema) *jsonschema.Schema { return s.If })},
		{"then", one(func(s *jsonschema.Schema) *jsonschema.Schema { return s.Then })}, {"else",
			one(func(s *jsonschema.Schema) *jsonschema.Schema { return s.Else })},
		{"contains", one(func(s *jsonschema.Schema) *jsonschema.Schema { return s.Contains })},
		{"propertyNames", one(func(s *jsonschema.Schema) *jsonschema.Schema { return s.PropertyNames })},
		{"additionalProperties", one(func(s *jsonschema.Schema) *jsonschema.Schema {
			x, _ := s.AdditionalProperties.(*jsonschema.Schema)
			return x
		})},
		{"patternProperties", func(s *jsonschema.Schema) (list []*jsonschema.Schema) {
			byText := map[string]*jsonschema.Schema{}
			for p, x := range s.PatternProperties {
				byText[p.String()] = x
			}
			for _, p := range slices.Sorted(maps.Keys(byText)) {
				list = append(list, byText[p])
			}
			return list
		}},
		{"dependentSchemas", func(s *jsonschema.Schema) (list []*jsonschema.Schema) {
			for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
				list = append(list, s.DependentSchemas[name])
			}
			return list
		}},
	}
}
