package terminal

// Styler adds colour and weight to text for a terminal. The zero value returns text unchanged, so
// the same code can write to a pipe. A Styler does not neutralise: pass untrusted text through
// Neutralise first.
type Styler struct{ on bool }

// NewStyler returns a styler that is on or off.
func NewStyler(on bool) Styler { return Styler{on: on} }

// Enabled reports whether the styler changes text.
func (s Styler) Enabled() bool { return s.on }

// Bold marks headings and important names.
func (s Styler) Bold(text string) string { return s.wrap("1", text) }

// Dim marks less important text.
func (s Styler) Dim(text string) string { return s.wrap("2", text) }

// Red marks errors and deletions.
func (s Styler) Red(text string) string { return s.wrap("31", text) }

// Green marks success and creations.
func (s Styler) Green(text string) string { return s.wrap("32", text) }

// Yellow marks warnings and changes.
func (s Styler) Yellow(text string) string { return s.wrap("33", text) }

// Cyan marks values of interest, such as identifiers.
func (s Styler) Cyan(text string) string { return s.wrap("36", text) }

func (s Styler) wrap(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
