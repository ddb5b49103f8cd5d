package event

import (
	"encoding/json"
	"math/big"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// number returns a number within the bounds, and a multiple if one is required: 1 if that is
// allowed, otherwise the nearest number.
func number(all []*jsonschema.Schema, integer bool) json.Number {
	low, high := bounds(all)
	v := big.NewRat(1, 1)
	switch {
	case low != nil && high != nil && low.Cmp(high) > 0: // exclusive bounds that are closer than 2
		v = new(big.Rat).Quo(new(big.Rat).Add(low, high), big.NewRat(2, 1))
	case low != nil && low.Cmp(v) > 0:
		v = low
	case high != nil && high.Cmp(v) < 0:
		v = high
	}
	if integer {
		v = ceil(v)
	}
	for _, s := range all {
		if step := s.MultipleOf; step != nil && step.Sign() > 0 {
			v = new(big.Rat).Mul(ceil(new(big.Rat).Quo(v, step)), step)
		}
	}
	return decimal(v)
}

// bounds returns the minimum and the maximum; an exclusive bound is moved by 1.
func bounds(all []*jsonschema.Schema) (low, high *big.Rat) {
	tighten := func(bound **big.Rat, at *big.Rat, move int64, sign int) {
		if at == nil {
			return
		}
		if v := new(big.Rat).Add(at, big.NewRat(move, 1)); *bound == nil || v.Cmp(*bound) == sign {
			*bound = v
		}
	}
	for _, s := range all {
		tighten(&low, s.Minimum, 0, 1)
		tighten(&low, s.ExclusiveMinimum, 1, 1)
		tighten(&high, s.Maximum, 0, -1)
		tighten(&high, s.ExclusiveMaximum, -1, -1)
	}
	return low, high
}

func ceil(r *big.Rat) *big.Rat {
	if r.IsInt() {
		return r
	}
	q := new(big.Int).Div(r.Num(), r.Denom())
	return new(big.Rat).SetInt(q.Add(q, big.NewInt(1)))
}

func decimal(r *big.Rat) json.Number {
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	return json.Number(strings.TrimRight(r.FloatString(12), "0"))
}

// stringFor returns a string that satisfies pattern, format and length as far as they are
// compatible.
func stringFor(all []*jsonschema.Schema) string {
	text, least, most := "text", 0, 1<<20
	for _, s := range all {
		if s.MinLength != nil {
			least = max(least, *s.MinLength)
		}
		if s.MaxLength != nil {
			most = min(most, *s.MaxLength)
		}
	}
	for _, s := range all {
		if s.Format != nil && formatSample(s.Format.Name) != "" {
			return formatSample(s.Format.Name)
		}
	}
	for _, s := range all {
		if s.Pattern != nil {
			if t, ok := matching(s.Pattern.String()); ok {
				text = t
			}
		}
	}
	n := utf8.RuneCountInString(text)
	if n < least && least <= 1<<16 {
		text += strings.Repeat("x", least-n)
	}
	if n > most {
		text = string([]rune(text)[:most])
	}
	return text
}

func formatSample(format string) string {
	return map[string]string{
		"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31", "time": "12:00:00Z", "duration": "PT1H",
		"email": "ada@example.com", "idn-email": "ada@example.com",
		"hostname": "example.com", "idn-hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
		"uri": "https://example.com/", "iri": "https://example.com/",
		"uri-reference": "/path", "iri-reference": "/path", "uuid": "0198c0de-0000-7000-8000-000000000001",
		"json-pointer": "/a", "relative-json-pointer": "0",
		"uri-template": "/{id}", "regex": ".*", "semver": "1.0.0",
	}[format]
}

// matching returns a short string that a regular expression matches.
func matching(pattern string) (string, bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	match(&b, tree.Simplify())
	text := b.String()
	ok, err := regexp.MatchString(pattern, text)
	return text, ok && err == nil
}

func match(b *strings.Builder, r *syntax.Regexp) {
	if b.Len() > 1<<12 {
		return
	}
	switch r.Op {
	case syntax.OpLiteral:
		b.WriteString(string(r.Rune))
	case syntax.OpCharClass:
		b.WriteRune(letterOf(r.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		match(b, r.Sub[0])
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			match(b, sub)
		}
	case syntax.OpAlternate:
		match(b, r.Sub[0])
	case syntax.OpRepeat: // Simplify takes it apart, but for large ones
		for range r.Min {
			match(b, r.Sub[0])
		}
	}
}

// letterOf chooses a character of a class, preferably a readable one.
func letterOf(ranges []rune) rune {
	for _, wanted := range "aA1" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= wanted && wanted <= ranges[i+1] {
				return wanted
			}
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i+1] >= '!' {
			return max(ranges[i], '!')
		}
	}
	if len(ranges) > 0 {
		return ranges[0]
	}
	return 'x'
}
