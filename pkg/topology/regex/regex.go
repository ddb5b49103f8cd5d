// Package regex judges the regular expressions of policies and permissions as the broker does.
//
// RabbitMQ's are Erlang's, which are PCRE: with lookahead, as in ^(?!amq\.).*, the commonest of
// all. What Go's own package understands is matched by it, in time that is linear in the name. The
// rest is matched by a backtracking engine, with a time limit.
//
// Limits: what neither understands (recursion, possessive quantifiers) and what takes too long is
// not known. Names are matched as characters, the broker matches bytes.
package regex

import (
	"regexp"
	"sync/atomic"
	"time"

	"github.com/dlclark/regexp2"
)

// patience is how long one name may take: thousands of times what a name of 255 bytes needs, unless
// the expression is one of those that try everything.
const patience = time.Second

// Expr is a regular expression on names. It is safe for concurrent use.
type Expr struct {
	plain *regexp.Regexp
	pcre  *regexp2.Regexp
	slow  atomic.Bool // it has timed out before
}

// Compile reads an expression. One that is not understood matches nothing, and says so.
func Compile(text string) *Expr {
	if plain, err := regexp.Compile(text); err == nil {
		return &Expr{plain: plain}
	}
	pcre, err := regexp2.Compile(text, regexp2.None)
	if err != nil {
		return &Expr{}
	}
	pcre.MatchTimeout = patience
	return &Expr{pcre: pcre}
}

// Match reports whether the expression matches somewhere in a name. known is false where that
// cannot be judged.
func (p *Expr) Match(name string) (matches, known bool) {
	switch {
	case p.plain != nil:
		return p.plain.MatchString(name), true
	case p.pcre == nil || p.slow.Load():
		return false, false
	}
	matches, err := p.pcre.MatchString(name)
	if err != nil {
		p.slow.Store(true)
		return false, false
	}
	return matches, true
}
