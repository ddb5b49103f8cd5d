package topology

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Ownership records what one topology applied and therefore may prune. Name is its State.Owner. It
// is kept in the broker, as the global parameter "msgctl.<name>@<vhost>".
type Ownership struct {
	Name string
	Refs map[Ref]bool
	// Broken, when not empty, says why the record in the broker cannot be used (written by a newer
	// msgctl, damaged). Refs is empty then, and the record must not be overwritten.
	Broken string
}

// ownershipPrefix begins the names of the global parameters that hold ownership records.
const ownershipPrefix = "msgctl."

// ownershipVersion is the format of the record that this code writes.
const ownershipVersion = 1

// OwnershipParameter returns the name of the global parameter that holds a topology's record.
func OwnershipParameter(name string) string { return ownershipPrefix + name }

// OwnershipName returns the topology whose record a global parameter holds, and false when it holds
// none.
func OwnershipName(parameter string) (string, bool) {
	name, ok := strings.CutPrefix(parameter, ownershipPrefix)
	return name, ok && name != ""
}

// IsOwnParameter reports whether a global parameter is msgctl's own, a record of ownership or of a
// job, and so belongs to no topology. The names of such parameters begin with msgctl. or msgctl-.
func IsOwnParameter(name string) bool {
	return strings.HasPrefix(name, ownershipPrefix) || strings.HasPrefix(name, "msgctl-")
}

// ownershipRecord is the JSON value of the parameter: names grouped by vhost and kind, so that
// people can read it and 10,000 objects take some 300 kB. "" stands for the cluster, where users,
// vhosts and global parameters live.
type ownershipRecord struct {
	Version int                              `json:"version"`
	Vhosts  map[string]map[Kind][]ownedEntry `json:"vhosts"`
}

// ownedEntry is a Ref without its kind and vhost: [name], [name, parent], and for bindings
// [destination, source, "queue" or "exchange", routing key, canonical arguments], without trailing
// "".
type ownedEntry []string

// MarshalJSON writes the common case, a bare name, as a JSON string.
func (e ownedEntry) MarshalJSON() ([]byte, error) {
	if len(e) == 1 {
		return json.Marshal(e[0])
	}
	return json.Marshal([]string(e))
}

// UnmarshalJSON accepts a name or a list.
func (e *ownedEntry) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*e = ownedEntry{""}
		return json.Unmarshal(b, &(*e)[0])
	}
	return json.Unmarshal(b, (*[]string)(e))
}

func entryOf(r Ref) ownedEntry {
	e := ownedEntry{r.Name, r.Parent, string(r.Destination), r.Key, r.Arguments}
	for len(e) > 1 && e[len(e)-1] == "" {
		e = e[:len(e)-1]
	}
	return e
}

func (e ownedEntry) ref(vhost string, kind Kind) Ref {
	var f [5]string
	copy(f[:], e)
	return Ref{Kind: kind, VHost: vhost, Name: f[0], Parent: f[1], Destination: DestinationType(f[2]), Key: f[3],
		Arguments: f[4]}
}

// Encode returns the record as the JSON value of the global parameter OwnershipParameter(o.Name),
// the same bytes for the same record. It does not fail for valid references.
func (o Ownership) Encode() ([]byte, error) {
	record := ownershipRecord{Version: ownershipVersion, Vhosts: map[string]map[Kind][]ownedEntry{}}
	for _, ref := range slices.SortedFunc(maps.Keys(o.Refs), Ref.Compare) {
		kinds := record.Vhosts[ref.VHost]
		if kinds == nil {
			kinds = map[Kind][]ownedEntry{}
			record.Vhosts[ref.VHost] = kinds
		}
		kinds[ref.Kind] = append(kinds[ref.Kind], entryOf(ref))
	}
	b, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode the record of topology %q: %w", o.Name, err)
	}
	return b, nil
}

// DecodeOwnership reads the JSON value of a topology's global parameter. A record that this version
// cannot understand comes back with Broken set, and as an error that says so: it must not be
// overwritten.
func DecodeOwnership(name string, value []byte) (Ownership, error) {
	o := Ownership{Name: name}
	broken := func(format string, args ...any) (Ownership, error) {
		o.Broken = fmt.Sprintf(format, args...)
		return o, fmt.Errorf("global parameter %q: %s", OwnershipParameter(name), o.Broken)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(value, &head); err != nil || head.Version == 0 {
		return broken("it is no ownership record of msgctl")
	}
	if head.Version > ownershipVersion {
		return broken("a newer msgctl wrote it (format %d; this one knows %d): use that version", head.Version,
			ownershipVersion)
	}
	var record ownershipRecord
	if err := json.Unmarshal(value, &record); err != nil {
		return broken("it is damaged: %v", err)
	}
	o.Refs = map[Ref]bool{}
	for vhost, kinds := range record.Vhosts {
		for kind, entries := range kinds {
			if kind.Order() == len(Kinds()) {
				o.Refs = nil
				return broken("it names objects of a kind that this msgctl does not know: %q", kind)
			}
			for _, e := range entries {
				if len(e) == 0 || len(e) > 5 {
					o.Refs = nil
					return broken("it is damaged: %q names no %s", e, kind)
				}
				o.Refs[e.ref(vhost, kind)] = true
			}
		}
	}
	return o, nil
}

// Equal reports whether two records own the same objects.
func (o Ownership) Equal(other Ownership) bool { return maps.Equal(o.Refs, other.Refs) }

// Renamed returns the record after a queue got another name: it names the queue and the bindings to it
// by the new one. It returns false if the record names none of them.
func (o Ownership) Renamed(queue Ref, name string) (Ownership, bool) {
	renamed := Ownership{Name: o.Name, Refs: make(map[Ref]bool, len(o.Refs))}
	for ref := range o.Refs {
		if ref == queue || ref.Kind == KindBinding && ref.VHost == queue.VHost && ref.Destination == ToQueue &&
			ref.Name == queue.Name {
			ref.Name = name
		}
		renamed.Refs[ref] = true
	}
	return renamed, !renamed.Equal(o)
}
