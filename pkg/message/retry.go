package message

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxErrorText bounds what is noted of an error: all headers have to fit into one frame.
const maxErrorText = 1 << 10

// maxRetryHeaders leaves room in a frame of 131072 bytes for the other properties.
const maxRetryHeaders = 131072 - 8 - 4<<10

// FailureNote is what is noted in a message that could not be handled.
type FailureNote struct {
	// Attempts made so far, this one included.
	Attempts int
	// Type and Message of the error. Control characters and what is no UTF-8 are replaced, and long
	// ones cut.
	Type, Message string
	// Handler and Queue say where it failed.
	Handler, Queue string
	At             time.Time
	// Dead says that no attempt follows.
	Dead bool
}

// Failed returns a copy of the message to publish after a failure: with the note, without the
// headers that the broker owns (of which a note stays, see ReplayHeaders) and without expiration. m
// is not changed; values are shared with it.
func Failed(m *Message, n FailureNote) *Message {
	out := *m
	h := make(Table, len(m.Headers)+10)
	owned := 0
	for name, v := range m.Headers {
		if BrokerOwned(name) {
			owned++
		} else if name != HeaderOriginalHeaders {
			h[name] = v
		}
	}
	if note := originalHeaders(m.Headers, owned, BrokerOwned); note != "" {
		h[HeaderOriginalHeaders] = note
	}
	if _, marked := h[HeaderRoutingKey]; !marked {
		h[HeaderExchange], h[HeaderRoutingKey] = m.Exchange, m.RoutingKey
	}
	if m.Expiration != "" {
		h[HeaderExpiration] = m.Expiration
	}
	at := n.At.UTC().Format(time.RFC3339)
	if _, failedBefore := h[HeaderFirstErrorTime]; !failedBefore {
		h[HeaderFirstErrorTime] = at
	}
	h[HeaderErrorType], h[HeaderErrorMessage] = plainText(n.Type), plainText(n.Message)
	h[HeaderErrorHandler], h[HeaderErrorQueue], h[HeaderErrorTime] = plainText(n.Handler), n.Queue, at
	delete(h, HeaderAttempt)
	delete(h, HeaderAttempts)
	if n.Dead {
		h[HeaderAttempts] = strconv.Itoa(n.Attempts)
	} else {
		h[HeaderAttempt] = strconv.Itoa(n.Attempts)
	}
	if HeadersSize(h) > maxRetryHeaders {
		delete(h, HeaderOriginalHeaders)
	}
	out.Headers, out.Expiration, out.Redelivered, out.Queue = h, "", false, ""
	return &out
}

// AttemptsMade returns how many attempts to handle a message of a queue were made before, at most
// math.MaxInt32. They are counted in a header of msgctl's own, which survives being published
// again; where that is missing, in the deaths by rejection in that queue, for retry steps
// made of dead-letter exchanges. native says that the queue delays retries itself and counts them
// in x-delivery-count.
func AttemptsMade(m *Message, queue string, native bool) int {
	made, counted := AsCount(m.Headers[HeaderAttempt])
	if !counted {
		for _, d := range m.Deaths().All() {
			if d.Queue == queue && d.Reason == ReasonRejected {
				made += d.Count
			}
		}
	}
	if native {
		n, _ := AsInt(m.Headers[HeaderDeliveryCount])
		made += min(max(n, 0), math.MaxInt32)
	}
	return int(min(max(made, 0), math.MaxInt32))
}

// PublishedAs returns the exchange and the routing key that a message of a queue had before its
// first retry or replay, which bring it back through the default exchange.
func PublishedAs(m *Message, queue string) (exchange, key string) {
	if m.Exchange == "" && m.RoutingKey == queue {
		if key, ok := AsString(m.Headers[HeaderRoutingKey]); ok {
			return m.Headers.Text(HeaderExchange), key
		}
	}
	return m.Exchange, m.RoutingKey
}

// plainText makes foreign text fit for a header that people read.
func plainText(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText]
		for range utf8.UTFMax {
			if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
				break
			}
			s = s[:len(s)-1]
		}
		s += "…"
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return '\uFFFD'
		}
		return r
	}, s)
}

// msgctlFailure reads what msgctl consume noted.
func msgctlFailure(h Table) Failure {
	f := Failure{
		Framework: FrameworkMsgctl, Type: h.Text(HeaderErrorType), Message: h.Text(HeaderErrorMessage),
		Queue:    h.Text(HeaderErrorQueue),
		Exchange: h.Text(HeaderExchange), RoutingKey: h.Text(HeaderRoutingKey),
	}
	_, f.HasRoute = h[HeaderRoutingKey]
	if at, ok := AsTime(h[HeaderErrorTime]); ok {
		f.Time = at
	} else {
		f.Time = parseTime(h.Text(HeaderErrorTime))
	}
	return f
}
