package compose

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// HeaderDelay is the header that tells a delayed-message exchange how many milliseconds to hold a
// message.
const HeaderDelay = "x-delay"

// ErrDelayHeader is returned when HeaderDelay is given as a header: Decoration.Delay sets it.
var ErrDelayHeader = errors.New("header x-delay is set by the delay of the message")

// Decoration is what every composed message gets in addition.
type Decoration struct {
	// Headers are added. They do not replace headers of the event's format.
	Headers  message.Table
	Priority uint8
	// Explicit reports whether Priority is set although it is 0. A quorum queue may rank 0
	// below no priority (fact quorum-priorities).
	Explicit bool
	// Expiration is how long the message may wait in a queue; 0 means no limit.
	Expiration time.Duration
	// Delay is how long a delayed-message exchange holds the message; 0 means no delay.
	Delay time.Duration
}

// Table returns the headers to add, including that of the delay.
func (d Decoration) Table() message.Table {
	if d.Delay == 0 {
		return d.Headers
	}
	all := make(message.Table, len(d.Headers)+1)
	maps.Copy(all, d.Headers)
	all[HeaderDelay] = d.Delay.Milliseconds()
	return all
}

func (d Decoration) apply(m *message.Message) {
	if m.Priority, m.Expiration = d.Priority, ""; d.Explicit {
		m.Explicit |= message.PriorityProperty
	}
	if d.Expiration > 0 {
		m.Expiration = strconv.FormatInt(d.Expiration.Milliseconds(), 10)
	}
	if len(d.Headers) == 0 && d.Delay == 0 {
		return
	}
	all := make(message.Table, len(d.Headers)+1+len(m.Headers))
	maps.Copy(all, d.Headers)
	if d.Delay > 0 {
		all[HeaderDelay] = d.Delay.Milliseconds()
	}
	maps.Copy(all, m.Headers)
	m.Headers = all
}

// ParseHeaders parses NAME=VALUE pairs. Whole numbers, true and false get their own types; any
// other value is a string. The error names the first pair that is not of this form.
func ParseHeaders(list []string) (message.Table, error) {
	headers := message.Table{}
	for _, h := range list {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not NAME=VALUE", h)
		}
		if len(name) > 255 {
			return nil, fmt.Errorf("the header name has %d bytes: AMQP allows 255", len(name))
		}
		if message.BrokerOwned(name) && name != message.HeaderCC && name != message.HeaderBCC {
			return nil, fmt.Errorf("only the broker may set %s", name)
		}
		if name == HeaderDelay { // a delay must be known: the return of a delayed message is not a failure
			return nil, ErrDelayHeader
		}
		if name == message.HeaderCC || name == message.HeaderBCC { // sender-selected distribution takes a list
			list, _ := headers[name].([]any)
			headers[name] = append(list, value)
			continue
		}
		headers[name] = headerValue(value)
	}
	return headers, nil
}

func headerValue(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
		return n
	}
	if s == "true" || s == "false" {
		return s == "true"
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
