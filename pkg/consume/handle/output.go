package handle

import (
	"bytes"
	"strings"
	"sync"
)

// maxOutput is what is kept of what a command writes, from its end.
const maxOutput = 8 << 10

// output keeps the end of what is written to it, in bounded memory, however much that is.
type output struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer. It never fails: a handler must not be stopped by what it says.
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

// last returns the last line that says something.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := bytes.TrimRight(o.kept, " \t\r\n\x00")
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return strings.TrimSpace(string(text))
}
