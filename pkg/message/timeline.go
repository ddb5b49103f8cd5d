package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxEarlierReplays limits how far Timeline follows the replays noted in a message.
const maxEarlierReplays = 10

// Timeline describes the death history in words, the oldest death first, with one line per queue
// and reason, and with the replays by msgctl in between:
//
//	rejected in orders.created.queue 3 times, first on 2026-11-20 10:00:00Z, published to orders.exchange with key order.created
//	replayed from dead-letter.queue
//	expired in orders.created.queue on 2026-11-21 08:30:00Z, published to the default exchange with key orders.created.queue
//
// The broker records only the time of the first of several deaths. Names come from the message:
// neutralise the lines before they reach a terminal.
func Timeline(headers Table) []string { return timeline(headers, 0) }

func timeline(headers Table, depth int) []string {
	var lines []string
	if earlier, ok := OriginalHeaders(headers); ok && depth < maxEarlierReplays {
		lines = timeline(earlier, depth+1)
		lines = append(lines, replayLine(headers))
	}
	deaths := DeathsOf(headers).All()
	slices.Reverse(deaths)
	slices.SortStableFunc(deaths, func(a, b Death) int { return a.Time.Compare(b.Time) })
	for _, d := range deaths {
		lines = append(lines, d.String())
	}
	return lines
}

func replayLine(headers Table) string {
	if from := headers.Text(HeaderReplayFrom); from != "" {
		return "replayed from " + from
	}
	return "moved by msgctl"
}

// String describes the death in words; see Timeline for the form.
func (d Death) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s", reasonInWords(d.Reason), d.Queue)
	if d.Count > 1 {
		fmt.Fprintf(&b, " %d times", d.Count)
	}
	if !d.Time.IsZero() {
		if d.Count > 1 {
			b.WriteString(", first")
		}
		b.WriteString(" on " + d.Time.UTC().Format("2006-01-02 15:04:05Z"))
	}
	if d.HasRoute {
		exchange := d.Exchange
		if exchange == "" {
			exchange = "the default exchange"
		}
		fmt.Fprintf(&b, ", published to %s with key %s", exchange, strings.Join(d.RoutingKeys(), ", "))
	}
	return b.String()
}

func reasonInWords(reason string) string {
	switch reason {
	case ReasonMaxLength:
		return "dropped for length"
	case ReasonDeliveryLimit:
		return "returned too often"
	case "":
		return "died"
	}
	return reason
}

// OriginalHeaders returns the headers that the last replay by msgctl removed from the message, as
// noted by ReplayHeaders. They passed through JSON: numbers are float64 and timestamps are seconds.
// DeathsOf reads them all the same.
func OriginalHeaders(headers Table) (Table, bool) {
	text := headers.Text(HeaderOriginalHeaders)
	if text == "" {
		return nil, false
	}
	var t map[string]any
	if json.Unmarshal([]byte(text), &t) != nil || t == nil {
		return nil, false
	}
	// The note of an earlier replay is a JSON object inside this one; make it a string again.
	if nested, ok := t[HeaderOriginalHeaders].(map[string]any); ok {
		if text, err := json.Marshal(nested); err == nil {
			t[HeaderOriginalHeaders] = string(text)
		}
	}
	return t, true
}

// EarlierDeaths returns the death histories that replays and moves by msgctl removed and noted, the
// oldest first. It is empty for a message without such a note.
func EarlierDeaths(headers Table) []Deaths {
	var t map[string]any
	if text := headers.Text(HeaderOriginalHeaders); text == "" || json.Unmarshal([]byte(text), &t) != nil {
		return nil
	}
	var list []Deaths
	for t != nil {
		if d := DeathsOf(t); !d.None() {
			list = append(list, d)
		}
		t, _ = t[HeaderOriginalHeaders].(map[string]any)
	}
	slices.Reverse(list)
	return list
}

// DiedAt returns the time of the failure, as far as the message tells: its newest death, otherwise
// the time that a framework noted, otherwise its timestamp. It is zero if none of them is a date: see
// Meant.
func (m *Message) DiedAt() time.Time {
	if t := m.History().Since(); !t.IsZero() {
		return t
	}
	if f, ok := FailureOf(m); ok {
		if at := Meant(f.Time); !at.IsZero() {
			return at
		}
	}
	return Meant(m.Timestamp)
}
