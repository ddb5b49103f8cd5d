package topology

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// changes returns what differs between a live object and the wanted one of the same Ref, in field
// order, as far as it matters on that broker. nil means equal.
func changes(have, want Object, server Server) []FieldChange {
	switch w := want.(type) {
	case *VHost:
		return vhostChanges(have.(*VHost), w, server)
	case *User:
		return userChanges(have.(*User), w)
	case *Queue:
		return queueChanges(have.(*Queue), w, server)
	case *Exchange:
		if h := have.(*Exchange); sameExchange(h, w) {
			return nil
		}
	case *Binding:
		return nil
	}
	return fieldChanges(have.Fields(), want.Fields(), nil)
}

func sameExchange(h, w *Exchange) bool {
	return h.Type == w.Type && h.Durable == w.Durable && h.AutoDelete == w.AutoDelete && h.Internal == w.Internal &&
		h.Arguments.Equal(w.Arguments)
}

// queueChanges leaves out arguments that this broker ignores on this queue type: it does not
// compare them either, and no redeclaration can change them (the check of the file warns of them).
func queueChanges(have, want *Queue, server Server) []FieldChange {
	if have.Type == want.Type && have.Durable == want.Durable && have.AutoDelete == want.AutoDelete && !have.Exclusive &&
		have.Arguments.Equal(want.Arguments) {
		return nil
	}
	return fieldChanges(have.Fields(), want.Fields(), func(name string) bool {
		switch name {
		case "type", "durable", "autoDelete", "exclusive":
			return false
		}
		a, known := capability.LookupArgumentField(name)
		return !known || !a.TakenBy(have.Type, server.Version) && !a.TakenBy(want.Type, server.Version)
	})
}

// vhostChanges compares what the file names. A vhost without a default queue type has the node's.
func vhostChanges(have, want *VHost, server Server) []FieldChange {
	live := *have
	live.Declared = want.Declared
	if live.DefaultQueueType == "" {
		live.DefaultQueueType = cmp.Or(server.DefaultQueueType, Classic)
	}
	return fieldChanges(live.Fields(), want.Fields(), func(name string) bool {
		switch name {
		case "description":
			return !want.Declared.Description
		case "tags":
			return !want.Declared.Tags
		case "defaultQueueType":
			return !want.Declared.DefaultQueueType || want.DefaultQueueType == ""
		}
		return false
	})
}

// userChanges compares a declared password with the live hash, and a declared hash literally. A
// user without either may not log in with a password.
func userChanges(have, want *User) []FieldChange {
	list := fieldChanges(have.Fields()[:1], want.Fields()[:1], nil)
	switch {
	case want.Password != "":
		if !PasswordMatches(want.Password, have.PasswordHash, have.HashingAlgorithm) {
			list = append(list, FieldChange{Field: "password", Have: have.PasswordHash, Want: want.Password})
		}
	case want.PasswordHash != have.PasswordHash:
		list = append(list, FieldChange{Field: "passwordHash", Have: secretOrNil(have.PasswordHash),
			Want: secretOrNil(want.PasswordHash)})
	case want.HashingAlgorithm != "" && have.HashingAlgorithm != "" && want.HashingAlgorithm != have.HashingAlgorithm:
		list = append(list, FieldChange{Field: "hashingAlgorithm", Have: have.HashingAlgorithm, Want: want.HashingAlgorithm})
	}
	return list
}

func secretOrNil(s Secret) any {
	if s == "" {
		return nil
	}
	return s
}

// fieldChanges compares two lists of fields by name, in the order of want, then what only have has.
// ignore (may be nil) says which names do not count.
func fieldChanges(have, want []Field, ignore func(name string) bool) []FieldChange {
	var list []FieldChange
	at := func(fields []Field, name string) int {
		return slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
	}
	for _, w := range want {
		if ignore != nil && ignore(w.Name) {
			continue
		}
		c := FieldChange{Field: w.Name, Want: w.Value, Unit: w.Unit, Immutable: w.Immutable}
		if i := at(have, w.Name); i >= 0 {
			if sameValue(have[i].Value, w.Value) {
				continue
			}
			c.Have = have[i].Value
		}
		list = append(list, c)
	}
	for _, h := range have {
		if at(want, h.Name) < 0 && (ignore == nil || !ignore(h.Name)) {
			list = append(list, FieldChange{Field: h.Name, Have: h.Value, Unit: h.Unit, Immutable: h.Immutable})
		}
	}
	return list
}

// sameValue is EqualValues for fields, which may hold veiled texts: those are compared by what they
// hide.
func sameValue(a, b any) bool { return amqptable.Equal(unveil(a), unveil(b)) }

func unveil(v any) any {
	switch x := v.(type) {
	case Secret:
		return string(x)
	case SecretURI:
		return string(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = unveil(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = unveil(e)
		}
		return m
	}
	return v
}

// immutableFields names those of the changes that the broker cannot make in place.
func immutableFields(list []FieldChange) []string {
	var names []string
	for _, c := range list {
		if c.Immutable {
			names = append(names, c.Field)
		}
	}
	return names
}

// plural writes a count with its noun: "1 message", "3 messages".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
