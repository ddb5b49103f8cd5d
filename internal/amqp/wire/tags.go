package wire

// Tags records which delivery tags of a channel are settled. Settlement in order, the usual case,
// costs no memory. Tags is not safe for concurrent use.
type Tags struct {
	floor uint64              // all tags up to it are settled
	ahead map[uint64]struct{} // settled tags above
}

// Settle records that a tag is settled or, with multiple, all tags up to it.
func (t *Tags) Settle(tag uint64, multiple bool) {
	switch {
	case tag <= t.floor:
		return
	case multiple:
		for a := range t.ahead {
			if a <= tag {
				delete(t.ahead, a)
			}
		}
		t.floor = tag
	case tag == t.floor+1:
		t.floor = tag
	default:
		if t.ahead == nil {
			t.ahead = map[uint64]struct{}{}
		}
		t.ahead[tag] = struct{}{}
	}
	for len(t.ahead) > 0 {
		if _, next := t.ahead[t.floor+1]; !next {
			break
		}
		t.floor++
		delete(t.ahead, t.floor)
	}
}

// Settled reports whether a tag is settled.
func (t *Tags) Settled(tag uint64) bool {
	_, ahead := t.ahead[tag]
	return tag <= t.floor || ahead
}

// All reports whether all tags up to last are settled.
func (t *Tags) All(last uint64) bool { return t.floor >= last }

// Floor returns the highest tag up to which all tags are settled.
func (t *Tags) Floor() uint64 { return t.floor }

// Count returns how many tags are settled.
func (t *Tags) Count() uint64 { return t.floor + uint64(len(t.ahead)) }
