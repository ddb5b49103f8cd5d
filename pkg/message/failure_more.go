package message

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// maxNote limits the size of JSON in a header that is parsed as a framework's note.
const maxNote = 1 << 20

// watermillFailure reads ThreeDotsLabs/watermill message/router/middleware/poison.go. In
// configurations for queues, the topic is the queue's name.
func watermillFailure(h Table) Failure {
	return Failure{
		Framework: FrameworkWatermill, Message: h.Text("reason_poisoned"), Queue: h.Text("topic_poisoned"),
		Task: h.Text("handler_poisoned"),
	}
}

// wolverineFailure reads JasperFx/wolverine src/Wolverine/Transports/DeadLetterQueueConstants.cs.
// The queue is that of the death recorded by the broker, or the destination if that is a queue.
func wolverineFailure(h Table) Failure {
	if h["exception-message"] == nil && h["failed-at"] == nil {
		return Failure{}
	}
	f := Failure{
		Framework: FrameworkWolverine, Type: h.Text("exception-type"), Message: h.Text("exception-message"),
		StackTrace: h.Text("exception-stack"), Task: h.Text("message-type"),
	}
	if ms, ok := AsCount(h["failed-at"]); ok {
		f.Time = time.UnixMilli(ms).UTC()
	}
	if _, queue, ok := strings.Cut(h.Text("destination"), "://queue/"); ok {
		f.Queue = queue
	}
	return f
}

// symfonyStamp is the prefix of the headers that hold the stamps of an envelope, each a JSON list.
// symfony/messenger Transport/Serialization/Serializer.php.
const symfonyStamp = `X-Message-Stamp-Symfony\Component\Messenger\Stamp\`

// symfonyFailure reads the stamps. They name the transport that failed, which is not a queue: a
// replay relies on the broker's record instead.
func symfonyFailure(h Table) Failure {
	var errors []struct{ ExceptionClass, ExceptionMessage string }
	var deliveries []struct{ RedeliveredAt string }
	stamp(h, "ErrorDetailsStamp", &errors)
	stamp(h, "RedeliveryStamp", &deliveries)
	f := Failure{Framework: FrameworkSymfony, Task: h.Text("type")}
	if n := len(errors); n > 0 {
		f.Type, f.Message = errors[n-1].ExceptionClass, errors[n-1].ExceptionMessage
	}
	if n := len(deliveries); n > 0 {
		f.Time = parseTime(deliveries[n-1].RedeliveredAt)
	}
	return f
}

func stamp(h Table, name string, into any) {
	if text := h.Text(symfonyStamp + name); len(text) <= maxNote {
		_ = json.Unmarshal([]byte(text), into) // other headers say nothing
	}
}

// sneakersFailure reads jondot/sneakers lib/sneakers/handlers/maxretry.rb: one failure or a list,
// the newest first. A failure includes the headers that the message had, and so its deaths.
func sneakersFailure(h Table) Failure {
	type attempt struct {
		Error        string          `json:"error"`
		ErrorClass   string          `json:"error_class"`
		ErrorMessage string          `json:"error_message"`
		FailedAt     string          `json:"failed_at"`
		Backtrace    []string        `json:"backtrace"`
		Attempts     json.RawMessage `json:"num_attempts"`
		Properties   struct {
			Headers map[string]any `json:"headers"`
		} `json:"properties"`
	}
	text := h.Text("retry_info")
	if len(text) > maxNote {
		return Failure{}
	}
	var list []attempt
	if json.Unmarshal([]byte(text), &list) != nil {
		list = make([]attempt, 1)
		if json.Unmarshal([]byte(text), &list[0]) != nil {
			return Failure{}
		}
	}
	if len(list) == 0 || list[0].Attempts == nil {
		return Failure{}
	}
	a := list[0]
	f := Failure{
		Framework: FrameworkSneakers, Type: a.ErrorClass, Message: a.ErrorMessage,
		StackTrace: strings.Join(a.Backtrace, "\n"),
		Time:       parseTime(a.FailedAt),
	}
	if f.Message == "" {
		f.Message = a.Error
	}
	for _, d := range DeathsOf(a.Properties.Headers).All() {
		if d.Reason == ReasonRejected {
			f.Queue = d.Queue // the worker's: the others expired in its retry queue
			break
		}
	}
	return f
}

// rascalFailure reads onebeyond/rascal lib/amqp/SubscriberError.js: a table.
func rascalFailure(h Table) Failure {
	t, ok := AsTable(h["rascal"])
	if !ok {
		return Failure{}
	}
	note, failed := AsTable(t["error"])
	if !failed {
		return Failure{}
	}
	in := Table(t)
	f := Failure{
		Framework: FrameworkRascal, Message: Table(note).Text("message"), Type: Table(note).Text("code"),
		Queue: in.Text("originalQueue"), Exchange: in.Text("originalExchange"), RoutingKey: in.Text("originalRoutingKey"),
	}
	_, f.HasRoute = t["originalRoutingKey"]
	return f
}

// daprFailure reads the event in the body: dapr/components-contrib pubsub/envelope.go. Dapr
// publishes a failed event to the dead-letter topic as it was and adds nothing, neither an error
// nor a header. What tells is that the event names another topic than the exchange it was last
// published to. A death that the broker recorded tells more, also one that a move only notes.
func daprFailure(m *Message) (Failure, bool) {
	if len(m.Body) > maxNote || !bytes.HasPrefix(m.Body, []byte("{")) ||
		!bytes.Contains(m.Body, []byte(`"pubsubname"`)) || !m.History().None() {
		return Failure{}, false
	}
	var event struct{ SpecVersion, PubSubName, Topic, Type string }
	if json.Unmarshal(m.Body, &event) != nil || event.SpecVersion == "" || event.PubSubName == "" || event.Topic == "" ||
		event.Topic == m.Exchange {
		return Failure{}, false
	}
	return Failure{Framework: FrameworkDapr, Task: event.Type, Exchange: event.Topic, HasRoute: true}, true
}

// retryNotes are prefixes of headers that would make an endpoint misjudge a retry. ServiceControl
// removes them: Particular/ServiceControl
// src/ServiceControl/Recoverability/Retrying/HeaderFilter.cs.
var retryNotes = [...]string{
	"NServiceBus.Retries", "NServiceBus.FailedQ", "NServiceBus.TimeOfFailure", "NServiceBus.ExceptionInfo.",
	"ServiceControl.EditOf",
}

// FailureNoteOf reports whether a header is a framework's failure note, which must be removed when
// the message is tried again.
func FailureNoteOf(header string) bool {
	for _, prefix := range retryNotes {
		if strings.HasPrefix(header, prefix) {
			return true
		}
	}
	return false
}
