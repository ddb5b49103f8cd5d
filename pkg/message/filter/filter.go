package filter

import (
	"fmt"
	"sync"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/msgctl/msgctl/pkg/message"
)

// Options say how expressions are evaluated. The zero value has the defaults.
type Options struct {
	// IsWaitQueue reports whether a queue is a wait queue. Deaths in wait queues are skipped:
	// reason, queue, exchange and routingKey describe the death before them. It may be nil. It must
	// be safe for concurrent use.
	IsWaitQueue func(queue string) bool
	// Now returns the time up to which ages are counted. It is called for each message; the default
	// is time.Now.
	Now func() time.Time
	// MaxBody limits the decompressed body, in bytes. Default 16 MiB. A larger body counts as
	// unreadable.
	MaxBody int
}

func (o Options) withDefaults() *Options {
	if o.MaxBody <= 0 {
		o.MaxBody = 16 << 20
	}
	return &o
}

func (o *Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Filter is a compiled condition. It is safe for concurrent use.
type Filter struct {
	*program
}

// NotComparable says why a message did not match although the condition may have been meant to
// hold. A field was missing, or a value had a type that the operator cannot compare.
type NotComparable struct {
	Operator    string
	Left, Right string // what stood on its sides, for example "a string" or "nothing"
	Reason      string // set instead when the expression failed as a whole
	// AbsentHeader reports whether only a header was missing. That is normal: headers are optional.
	AbsentHeader bool
}

// Error says what could not be compared.
func (n *NotComparable) Error() string {
	if n.Reason != "" {
		return "not comparable: " + n.Reason
	}
	return fmt.Sprintf("not comparable: %s %s %s", n.Left, n.Operator, n.Right)
}

// Compile compiles a condition. The error is a *SyntaxError: an unknown name, mismatched types, or
// a result that cannot be true or false.
func Compile(source string, o Options) (*Filter, error) {
	p, err := compile(source, true, o)
	if err != nil {
		return nil, err
	}
	return &Filter{program: p}, nil
}

// Match reports whether the condition holds. If it does not, and a comparison could not be made,
// the error is a *NotComparable. It is the *message.Unread of the message if the reason may be what
// was not read. The message counts as not matching in both cases. There are no other errors.
func (f *Filter) Match(m *message.Message) (bool, error) {
	out, unknown := f.run(m)
	matched, ok := out.(bool)
	if matched {
		return true, nil
	}
	if !ok && unknown == nil {
		unknown = &NotComparable{Reason: "the result is " + typeName(out) + ", not true or false"}
	}
	switch {
	case m.Unread != nil && (f.misses(m) || unknown != nil && !unknown.AbsentHeader):
		return false, m.Unread
	case unknown != nil:
		return false, unknown
	}
	return false, nil
}

// misses reports whether evaluation reads headers or properties that may be missing in a message
// that was not read. Properties are missing only together with all headers but a stream's offset.
func (f *Filter) misses(m *message.Message) bool {
	kept := len(m.Headers)
	if _, ok := m.Headers[message.HeaderStreamOffset]; ok {
		kept--
	}
	return m.Unread.Partial && (f.NeedsHeaders() || kept == 0 && f.uses.any("properties", "id"))
}

// program is a compiled expression with any result type.
type program struct {
	code *vm.Program
	uses uses
	opts *Options
	pool sync.Pool // of *evaluator
}

type evaluator struct {
	vm  vm.VM
	env env
}

// NeedsBody reports whether evaluation reads the body. If not, a caller may avoid fetching it.
func (p *program) NeedsBody() bool { return p.uses.body() }

// NeedsHeaders reports whether evaluation reads headers.
func (p *program) NeedsHeaders() bool { return p.uses.headers() }

// memoryBudget limits the list elements that one evaluation may create.
const memoryBudget = 200_000

func (p *program) run(m *message.Message) (out any, unknown *NotComparable) {
	defer func() { // expr recovers from its own panics, but not from those of functions that read the message
		if v := recover(); v != nil {
			out, unknown = nil, &NotComparable{Reason: fmt.Sprintf("the message cannot be read: %v", v)}
		}
	}()
	ev, ok := p.pool.Get().(*evaluator)
	if !ok {
		ev = &evaluator{vm: vm.VM{MemoryBudget: memoryBudget}}
	}
	ev.env.load(m, p.uses, p.opts)
	out, err := ev.vm.Run(p.code, &ev.env)
	switch {
	case ev.env.anyUnknown:
		reason := ev.env.unknown
		unknown = &reason
	case err != nil:
		unknown = &NotComparable{Reason: runReason(err)}
	}
	if err != nil {
		out = nil
	}
	ev.env = env{} // keeps no message alive
	p.pool.Put(ev)
	return out, unknown
}
