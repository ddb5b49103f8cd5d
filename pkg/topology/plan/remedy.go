package plan

// Remedy is an option that would allow what is blocked: what of Options, and how much. A command
// line says by which flag it is set.
type Remedy struct {
	Kind RemedyKind
	// Messages is what MaxMessageLoss would have to be, where it is known.
	Messages int64
	// Owner is who AdoptFrom would have to name.
	Owner string
}

// RemedyKind names an option.
type RemedyKind uint8

// The kinds.
const (
	// NoRemedy: no option allows it.
	NoRemedy RemedyKind = iota
	// AllowReplace: ReplaceEmpty.
	AllowReplace
	// AllowLoss: MaxMessageLoss of at least Messages, all that the plan would lose.
	AllowLoss
	// AllowConsumers: a MaxMessageLoss of 1 or more deletes a queue that has consumers, too.
	AllowConsumers
	// AllowUncounted: any MaxMessageLoss, because nobody knows how many messages there are.
	AllowUncounted
	// AllowTakeOver: AdoptFrom with Owner, which owns the object now.
	AllowTakeOver
)
