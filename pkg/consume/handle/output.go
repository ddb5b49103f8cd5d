package handle

import (
	"bytes"
	"strings"
	"sync"
)

// maxOutput is how many bytes are kept from the end of a command's output.
const maxOutput = 8 << 10

// output keeps the end of what is written to it, in bounded memory.
type output struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer. It never fails: output must not stop a handler.
func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(p) > maxOutput {
		p = p[len(p)-maxOutput:]
	}
	if over := len(o.kept) + len(p) - maxOutput; over > 0 {
		o.kept = o.kept[:copy(o.kept, o.kept[over:])]
	}
	o.kept = append(o.kept, p...)
	return n, nil
}

// last returns the last line that is not blank.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := bytes.TrimRight(o.kept, " \t\r\n\x00")
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return strings.TrimSpace(string(text))
}
