package event

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tidwall/gjson"
)

// quick is a schema in a form that finds valid payloads valid without decoding them: the validator,
// which works on decoded values and exact rational numbers, takes five to ten times as long, and
// most payloads of a million are valid. It knows the keywords that most schemas are made of. Where
// it is not sure, and where it finds something wrong, the validator decides: it never calls an
// invalid payload valid, which a test holds against the validator with random schemas and payloads.
type quick struct {
	// unsure says that the schema has keywords that are not known here: nothing is valid for sure.
	unsure bool
	// done says that it is made completely.
	done   bool
	never  bool
	types  typeSet // 0: any
	values map[string]bool
	// object
	properties map[string]*quick
	required   []string
	closed     bool   // no others
	additional *quick // what others must be; nil for anything
	// array
	items    *quick
	minItems int
	maxItems int // -1: any
	// string
	minLength, maxLength int // -1: any
	pattern              jsonschema.Regexp
	format               func(any) error
	// number
	low, high           *limit
	parts               []*quick // allOf, $ref
	constrainsItsString bool
}

type typeSet uint8

const (
	quickNull typeSet = 1 << iota
	quickBoolean
	quickNumber
	quickInteger
	quickString
	quickArray
	quickObject
)

func typeSetOf(names []string) (set typeSet) {
	for i, name := range []string{"null", "boolean", "number", "integer", "string", "array", "object"} {
		if slices.Contains(names, name) {
			set |= 1 << i
		}
	}
	return set
}

// limit is a bound of numbers.
type limit struct {
	at    float64
	exact bool // at is the bound itself, and an integer
	open  bool // the bound itself is out
}

// quicken translates a compiled schema.
func quicken(s *jsonschema.Schema, known map[*jsonschema.Schema]*quick) *quick {
	if s == nil {
		return nil
	}
	if q := known[s]; q != nil {
		return q
	}
	q := &quick{maxItems: -1, maxLength: -1}
	known[s] = q
	if s.Bool != nil {
		q.never, q.done = !*s.Bool, true
		return q
	}
	if q.unsure = unknownKeywords(s); q.unsure {
		q.done = true
		return q
	}
	if s.Types != nil {
		q.types = typeSetOf(s.Types.ToStrings())
	}
	q.object(s, known)
	q.scalars(s)
	q.items, q.minItems = quicken(s.Items2020, known), number0(s.MinItems, 0)
	q.maxItems = number0(s.MaxItems, -1)
	for _, part := range append([]*jsonschema.Schema{s.Ref}, s.AllOf...) {
		if part == nil {
			continue
		}
		p := quicken(part, known)
		q.unsure = q.unsure || !p.done // it leads back to where it came from, perhaps without end
		q.parts = append(q.parts, p)
	}
	q.done = true
	return q
}

// unknownKeywords says whether a schema has keywords that only the validator knows.
func unknownKeywords(s *jsonschema.Schema) bool {
	lists := len(s.AnyOf) + len(s.OneOf) + len(s.PatternProperties) + len(s.Dependencies) + len(s.DependentRequired) +
		len(s.DependentSchemas) + len(s.PrefixItems) + len(s.Extensions)
	for _, x := range []*jsonschema.Schema{s.RecursiveRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames,
		s.UnevaluatedProperties, s.Contains, s.UnevaluatedItems, s.ContentSchema} {
		if x != nil {
			return true
		}
	}
	return lists > 0 || s.DynamicRef != nil || s.DraftVersion != 2020 || s.MaxProperties != nil ||
		s.MinProperties != nil || s.UniqueItems || s.Items != nil || s.AdditionalItems != nil ||
		s.ContentEncoding != nil || s.ContentMediaType != nil || s.MultipleOf != nil
}

func number0(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

func (q *quick) object(s *jsonschema.Schema, known map[*jsonschema.Schema]*quick) {
	q.required = s.Required
	if len(q.required) > 64 {
		q.unsure = true
	}
	if len(s.Properties) > 0 {
		q.properties = make(map[string]*quick, len(s.Properties))
	}
	for name, p := range s.Properties {
		q.properties[name] = quicken(p, known)
	}
	switch a := s.AdditionalProperties.(type) {
	case bool:
		q.closed = !a
	case *jsonschema.Schema:
		q.additional = quicken(a, known)
	}
}

func (q *quick) scalars(s *jsonschema.Schema) {
	q.minLength, q.maxLength, q.pattern = number0(s.MinLength, 0), number0(s.MaxLength, -1), s.Pattern
	if s.Format != nil {
		q.format = s.Format.Validate
	}
	q.low = tighter(asLimit(s.Minimum, false), asLimit(s.ExclusiveMinimum, true), 1)
	q.high = tighter(asLimit(s.Maximum, false), asLimit(s.ExclusiveMaximum, true), -1)
	var values []any
	if s.Const != nil {
		values = []any{*s.Const}
	}
	if s.Enum != nil {
		q.unsure = q.unsure || s.Const != nil
		values = s.Enum.Values
	}
	if values != nil {
		q.values = map[string]bool{}
	}
	for _, v := range values {
		if text, ok := v.(string); ok { // others stay for the validator
			q.values[text] = true
		}
	}
	q.constrainsItsString = q.minLength > 0 || q.maxLength >= 0 || q.pattern != nil || q.format != nil || q.values != nil
}

func asLimit(r *big.Rat, open bool) *limit {
	if r == nil {
		return nil
	}
	f, exact := r.Float64()
	return &limit{f, exact && r.IsInt() && f > -1<<53 && f < 1<<53, open}
}

func tighter(a, b *limit, sign float64) *limit {
	if a == nil || b != nil && (b.at-a.at)*sign >= 0 {
		return b
	}
	return a
}

// valid reports whether a payload, which must be valid JSON, is valid for sure.
func (q *quick) valid(v gjson.Result) bool {
	if q.unsure || q.never || len(q.required) > 64 {
		return false
	}
	for _, part := range q.parts {
		if !part.valid(v) {
			return false
		}
	}
	switch v.Type {
	case gjson.Null:
		return q.allows(quickNull) && q.values == nil
	case gjson.True, gjson.False:
		return q.allows(quickBoolean) && q.values == nil
	case gjson.Number:
		return q.values == nil && q.validNumber(v.Raw)
	case gjson.String:
		return q.allows(quickString) && q.validString(v)
	}
	if q.values != nil {
		return false
	}
	if v.IsArray() {
		return q.allows(quickArray) && q.validArray(v)
	}
	return q.allows(quickObject) && q.validObject(v)
}

func (q *quick) allows(t typeSet) bool { return q.types == 0 || q.types&t != 0 }

func (q *quick) validNumber(raw string) bool {
	integer := !strings.ContainsAny(raw, ".eE")
	if !q.allows(quickNumber) && !(integer && q.allows(quickInteger)) { // 1.0 is an integer, too: the validator knows
		return false
	}
	if q.low == nil && q.high == nil {
		return true
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return false
	}
	integer = integer && f > -1<<53 && f < 1<<53
	return q.low.beyond(f, integer, 1) && q.high.beyond(f, integer, -1)
}

// beyond reports whether a number is inside of a bound for sure: equality counts between integers
// only, which a float64 tells apart.
func (l *limit) beyond(f float64, integer bool, sign float64) bool {
	switch {
	case l == nil:
		return true
	case f == l.at:
		return integer && l.exact && !l.open
	}
	return (f-l.at)*sign > 0
}

func (q *quick) validString(v gjson.Result) bool {
	if !q.constrainsItsString {
		return true
	}
	if strings.IndexByte(v.Raw, '\\') >= 0 { // decoders differ about escapes that are none
		return false
	}
	if q.values != nil && !q.values[v.Str] || q.pattern != nil && !q.pattern.MatchString(v.Str) || q.format != nil &&
		q.format(v.Str) != nil {
		return false
	}
	if q.minLength <= 1 && q.maxLength < 0 {
		return len(v.Str) >= q.minLength
	}
	n := utf8.RuneCountInString(v.Str)
	return n >= q.minLength && (q.maxLength < 0 || n <= q.maxLength)
}

func (q *quick) validArray(v gjson.Result) bool {
	n, ok := 0, true
	v.ForEach(func(_, e gjson.Result) bool {
		n++
		ok = q.items == nil || q.items.valid(e)
		return ok
	})
	return ok && n >= q.minItems && (q.maxItems < 0 || n <= q.maxItems)
}

func (q *quick) validObject(v gjson.Result) bool {
	var seen uint64
	ok := true
	v.ForEach(func(k, e gjson.Result) bool {
		if strings.IndexByte(k.Raw, '\\') >= 0 {
			ok = false
			return false
		}
		if i := slices.Index(q.required, k.Str); i >= 0 {
			seen |= 1 << i
		}
		p, known := q.properties[k.Str]
		switch {
		case known:
			ok = p.valid(e)
		case q.closed:
			ok = false
		case q.additional != nil:
			ok = q.additional.valid(e)
		}
		return ok
	})
	return ok && seen == 1<<len(q.required)-1
}
