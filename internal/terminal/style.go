package terminal

// Styler marks text for a terminal. The zero value marks nothing, so the same code writes plain
// text to a pipe. It does not neutralise: pass text of foreign origin through Neutralise first.
type Styler struct{ on bool }

// NewStyler returns a styler that is on or off, for tests and for callers that decided themselves.
func NewStyler(on bool) Styler { return Styler{on: on} }

// Enabled reports whether marks are written at all.
func (s Styler) Enabled() bool { return s.on }

// Bold marks headings and names that matter.
func (s Styler) Bold(text string) string { return s.wrap("1", text) }

// Dim marks what may be overlooked.
func (s Styler) Dim(text string) string { return s.wrap("2", text) }

// Red marks faults and deletions.
func (s Styler) Red(text string) string { return s.wrap("31", text) }

// Green marks success and creations.
func (s Styler) Green(text string) string { return s.wrap("32", text) }

// Yellow marks warnings and changes.
func (s Styler) Yellow(text string) string { return s.wrap("33", text) }

// Cyan marks values to look at, such as identifiers.
func (s Styler) Cyan(text string) string { return s.wrap("36", text) }

func (s Styler) wrap(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
