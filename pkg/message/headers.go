package message

import "strings"

// Headers that brokers write. The death headers are explained at Deaths.
const (
	HeaderDeath              = "x-death"
	HeaderFirstDeathQueue    = "x-first-death-queue"
	HeaderFirstDeathReason   = "x-first-death-reason"
	HeaderFirstDeathExchange = "x-first-death-exchange"
	HeaderLastDeathQueue     = "x-last-death-queue"    // 4.x only
	HeaderLastDeathReason    = "x-last-death-reason"   // 4.x only
	HeaderLastDeathExchange  = "x-last-death-exchange" // 4.x only
	HeaderDeliveryCount      = "x-delivery-count"      // quorum queues: how often it was returned
	HeaderAcquiredCount      = "x-acquired-count"      // quorum queues, 4.3
	HeaderStreamOffset       = "x-stream-offset"       // streams
	HeaderOptDeaths          = "x-opt-deaths"          // 4.x, as annotations of AMQP 1.0 name it
)

// Sender-selected distribution: names of headers that make the broker route extra copies. BCC is
// taken off by the broker, so a delivered message never shows it.
const (
	HeaderCC  = "CC"
	HeaderBCC = "BCC"
)

// Headers that msgctl stamps on a message it replays or moves. All of them are text: there are
// clients that refuse a message with a header of another type (Watermill). They are read as text or
// as what earlier versions wrote.
const (
	// HeaderReplayCount says how often msgctl has replayed the message (digits, from 1).
	HeaderReplayCount = "x-msgctl-replay-count"
	// HeaderReplayID names the run that replayed it last; a message that comes back with the id of
	// the running replay has died again.
	HeaderReplayID = "x-msgctl-replay-id"
	// HeaderReplayFrom is the queue that the message was replayed from.
	HeaderReplayFrom = "x-msgctl-replay-from"
	// HeaderOriginalHeaders holds, as one JSON object in a string, the headers that the replay took
	// off because the broker owns them: how the message died before. See ReplayHeaders for why, and
	// for its form.
	HeaderOriginalHeaders = "x-msgctl-original-headers"
)

// Headers that msgctl consume adds to a message that its handler could not handle. While it waits
// for a retry, the message has HeaderAttempt; a dead letter has HeaderAttempts instead, so that a
// replay starts with the first attempt. These are text, too.
const (
	// HeaderAttempt says how many attempts were made (digits, from 1).
	HeaderAttempt = "x-msgctl-attempt"
	// HeaderAttempts says how many attempts were made in all, in a dead letter (digits).
	HeaderAttempts = "x-msgctl-attempts"
	// HeaderErrorType and HeaderErrorMessage are of the last failure: what dlq inspect groups by.
	HeaderErrorType    = "x-msgctl-error-type"
	HeaderErrorMessage = "x-msgctl-error-message"
	// HeaderErrorHandler names the handler, HeaderErrorQueue the queue that it consumed from.
	HeaderErrorHandler = "x-msgctl-error-handler"
	HeaderErrorQueue   = "x-msgctl-error-queue"
	// HeaderErrorTime and HeaderFirstErrorTime are when it failed last and first (RFC 3339, in UTC).
	HeaderErrorTime      = "x-msgctl-error-time"
	HeaderFirstErrorTime = "x-msgctl-first-error-time"
	// HeaderExchange and HeaderRoutingKey are how it was published before the first retry.
	HeaderExchange   = "x-msgctl-exchange"
	HeaderRoutingKey = "x-msgctl-routing-key"
	// HeaderExpiration keeps an expiration, which would cut a wait short.
	HeaderExpiration = "x-msgctl-expiration"
	// HeaderUserID keeps a user_id that the login may not publish with.
	HeaderUserID = "x-msgctl-user-id"
)

// BrokerOwned reports whether a header must be removed before a message is published again, because
// the broker writes it. A death history from a client does harm (fact client-death-history), and CC
// would route further copies.
func BrokerOwned(header string) bool {
	switch header {
	case HeaderDeath, HeaderDeliveryCount, HeaderAcquiredCount, HeaderStreamOffset, HeaderOptDeaths, HeaderCC, HeaderBCC:
		return true
	}
	return strings.HasPrefix(header, "x-first-death-") || strings.HasPrefix(header, "x-last-death-")
}
