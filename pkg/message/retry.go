package message

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxErrorText limits the error text in a note: all headers must fit into one frame.
const maxErrorText = 1 << 10

// maxRetryHeaders leaves room in a frame of 131072 bytes for the other properties.
const maxRetryHeaders = 131072 - 8 - 4<<10

// FailureNote is what is noted in a message that could not be handled.
type FailureNote struct {
	// Attempts is the number of attempts so far, including this one.
	Attempts int
	// Type and Message are those of the error. Control characters and invalid UTF-8 are replaced,
	// and long texts are shortened.
	Type, Message string
	// Handler and Queue say where the message failed.
	Handler, Queue string
	At             time.Time
	// Dead reports whether no further attempt follows.
	Dead bool
}

// Failed returns a copy of the message to publish after a failure: with the note, without the
// headers that the broker owns (which are noted, see ReplayHeaders), and without expiration. m is
// not changed; the result shares values with it.
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

// AttemptsMade returns how many attempts to handle a message of a queue have been made, at most
// math.MaxInt32. msgctl counts them in its own header, which survives republishing. If that is
// missing, they are counted from the deaths by rejection in that queue, for retry steps made of
// dead-letter exchanges. native says that the queue delays retries itself and counts them in
// x-delivery-count.
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

// PublishedAs returns the exchange and routing key that a message of a queue had before its first
// retry or replay. Retries and replays return it through the default exchange.
func PublishedAs(m *Message, queue string) (exchange, key string) {
	if m.Exchange == "" && m.RoutingKey == queue {
		if key, ok := AsString(m.Headers[HeaderRoutingKey]); ok {
			return m.Headers.Text(HeaderExchange), key
		}
	}
	return m.Exchange, m.RoutingKey
}

// plainText makes untrusted text fit for a header that people read.
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

// msgctlFailure reads the failure that msgctl consume noted.
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
