package decode

import "github.com/msgctl/msgctl/pkg/topology/diag"

// Located knows where a mapping and its fields stand in their file. Once decoded, it is safe for
// concurrent use.
type Located struct {
	at     diag.Position
	fields map[string]diag.Position
}

// Position returns where the object is written: its key, or its first character.
func (l *Located) Position() diag.Position { return l.at }

// FieldPosition returns where the value of a field is written, and the object's position when it is
// not.
func (l *Located) FieldPosition(name string) diag.Position {
	if p, ok := l.fields[name]; ok {
		return p
	}
	return l.at
}

// FieldPositions returns where each field that the file names is written. It is not to be changed.
func (l *Located) FieldPositions() map[string]diag.Position { return l.fields }

// Has reports whether the file names the field.
func (l *Located) Has(name string) bool { _, ok := l.fields[name]; return ok }

// SetPosition says where the object is written, for a NodeDecoder.
func (l *Located) SetPosition(at diag.Position) { l.at = at }

func (l *Located) locate(at diag.Position) { l.at = at }

func (l *Located) locateField(name string, at diag.Position) {
	if l.fields == nil {
		l.fields = map[string]diag.Position{}
	}
	l.fields[name] = at
}
