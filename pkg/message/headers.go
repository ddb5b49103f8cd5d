package message

import "strings"

// Headers that brokers write. See Deaths for the death headers. Older brokers do not write all of
// them (fact headers-of-newer-brokers).
const (
	HeaderDeath              = "x-death"
	HeaderFirstDeathQueue    = "x-first-death-queue"
	HeaderFirstDeathReason   = "x-first-death-reason"
	HeaderFirstDeathExchange = "x-first-death-exchange"
	HeaderLastDeathQueue     = "x-last-death-queue"
	HeaderLastDeathReason    = "x-last-death-reason"
	HeaderLastDeathExchange  = "x-last-death-exchange"
	HeaderDeliveryCount      = "x-delivery-count" // quorum queues: how often it was returned
	HeaderAcquiredCount      = "x-acquired-count" // quorum queues
	HeaderStreamOffset       = "x-stream-offset"  // streams
	HeaderOptDeaths          = "x-opt-deaths"     // the deaths, as annotations of AMQP 1.0 name them
)

// Headers of sender-selected distribution, which make the broker route extra copies. The broker
// removes BCC, so a delivered message never has it.
const (
	HeaderCC  = "CC"
	HeaderBCC = "BCC"
)

// Headers that msgctl adds to a message it replays or moves. All of them are strings, because some
// clients (Watermill) refuse a message with a header of another type. They are read as strings or
// in the types that earlier versions wrote.
const (
	// HeaderReplayCount is how often msgctl has replayed the message (digits, from 1).
	HeaderReplayCount = "x-msgctl-replay-count"
	// HeaderReplayID is the id of the run that replayed the message last. A message that returns
	// with the id of the running replay has died again.
	HeaderReplayID = "x-msgctl-replay-id"
	// HeaderReplayFrom is the queue from which the message was replayed.
	HeaderReplayFrom = "x-msgctl-replay-from"
	// HeaderOriginalHeaders holds, as one JSON object in a string, the headers that the replay
	// removed because the broker owns them: the earlier death history. ReplayHeaders explains the
	// reason and the form.
	HeaderOriginalHeaders = "x-msgctl-original-headers"
)

// Headers that msgctl consume adds to a message that its handler could not handle. A message that
// waits for a retry has HeaderAttempt. A dead letter has HeaderAttempts instead, so that a replay
// starts with the first attempt. They are strings, too.
const (
	// HeaderAttempt is how many attempts were made (digits, from 1).
	HeaderAttempt = "x-msgctl-attempt"
	// HeaderAttempts is the total number of attempts, in a dead letter (digits).
	HeaderAttempts = "x-msgctl-attempts"
	// HeaderErrorType and HeaderErrorMessage describe the last failure. dlq inspect groups by them.
	HeaderErrorType    = "x-msgctl-error-type"
	HeaderErrorMessage = "x-msgctl-error-message"
	// HeaderErrorHandler is the name of the handler, HeaderErrorQueue the queue from which it
	// consumed.
	HeaderErrorHandler = "x-msgctl-error-handler"
	HeaderErrorQueue   = "x-msgctl-error-queue"
	// HeaderErrorTime and HeaderFirstErrorTime are the times of the last and the first failure (RFC
	// 3339, in UTC).
	HeaderErrorTime      = "x-msgctl-error-time"
	HeaderFirstErrorTime = "x-msgctl-first-error-time"
	// HeaderExchange and HeaderRoutingKey are those of the publication before the first retry.
	HeaderExchange   = "x-msgctl-exchange"
	HeaderRoutingKey = "x-msgctl-routing-key"
	// HeaderExpiration keeps the expiration, which would cut a wait short.
	HeaderExpiration = "x-msgctl-expiration"
	// HeaderUserID keeps a user_id with which the login may not publish.
	HeaderUserID = "x-msgctl-user-id"
)

// BrokerOwned reports whether a header must be removed before a message is published again, because
// the broker writes it. A death history sent by a client does harm (fact client-death-history), and
// CC would route further copies.
func BrokerOwned(header string) bool {
	switch header {
	case HeaderDeath, HeaderDeliveryCount, HeaderAcquiredCount, HeaderStreamOffset, HeaderOptDeaths, HeaderCC, HeaderBCC:
		return true
	}
	return strings.HasPrefix(header, "x-first-death-") || strings.HasPrefix(header, "x-last-death-")
}
