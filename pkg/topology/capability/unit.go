package capability

// Unit says what a number measures.
type Unit string

// The units.
const (
	NoUnit       Unit = ""
	Milliseconds Unit = "ms"
	Seconds      Unit = "s"
	Bytes        Unit = "bytes"
)
