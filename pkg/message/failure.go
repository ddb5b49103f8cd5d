package message

import (
	"net/url"
	"strings"
	"time"
)

// Frameworks whose failure notes FailureOf reads.
const (
	FrameworkNServiceBus = "NServiceBus"
	FrameworkMassTransit = "MassTransit"
	FrameworkSpring      = "Spring AMQP"
	FrameworkRebus       = "Rebus"
	FrameworkEasyNetQ    = "EasyNetQ"
	FrameworkCelery      = "Celery"
	FrameworkWolverine   = "Wolverine"
	FrameworkSymfony     = "Symfony Messenger"
	FrameworkWatermill   = "Watermill"
	FrameworkSneakers    = "Sneakers"
	FrameworkRascal      = "Rascal"
	FrameworkDapr        = "Dapr"
	FrameworkMsgctl      = "msgctl" // msgctl consume
)

// Failure is what a messaging framework noted in a message when it moved it to an error queue, or
// what it notes about the task that the message represents. Fields that the framework does not note
// are empty.
type Failure struct {
	Framework  string
	Type       string // of the exception, for example "System.TimeoutException"
	Message    string // of the exception; for Celery, which notes no error, ""
	StackTrace string
	// Task is the message or task type, if the framework's own header names it.
	Task string
	// Queue is the queue where the message failed, and to which a replay returns it.
	Queue string
	// Exchange and RoutingKey are those of the publication. They are valid if HasRoute is set.
	Exchange   string
	RoutingKey string
	HasRoute   bool
	// Time is the time of the failure; zero if unknown.
	Time time.Time
	// Enveloped reports whether the body is the framework's envelope around the original message:
	// see UnwrapEasyNetQ.
	Enveloped bool
}

// FailureOf returns the failure that a framework noted, and whether there is one. It looks up a few
// headers only, with two exceptions. It parses the body of a message whose type marks it as an
// EasyNetQ error, and a body that holds the words of a Dapr event.
func FailureOf(m *Message) (Failure, bool) {
	if strings.HasPrefix(m.Type, easyNetQErrorType) {
		return easyNetQFailure(m)
	}
	h := m.Headers
	if len(h) == 0 {
		return daprFailure(m)
	}
	for _, f := range frameworks {
		if _, ok := h[f.mark]; ok {
			note := f.read(h)
			if note.Framework == "" {
				continue // another's header of that name
			}
			if note.Framework == FrameworkMassTransit && note.Queue == "" {
				note.Queue = skippedFrom(m.Queue)
			}
			return note, true
		}
	}
	if _, ok := h["task"]; ok && h.Text("id") != "" && h["lang"] != nil {
		return celeryFailure(h), true
	}
	return daprFailure(m)
}

// frameworks is read-only. The mark is the header whose presence identifies the framework.
var frameworks = []struct {
	mark string
	read func(Table) Failure
}{
	{HeaderErrorType, msgctlFailure},
	{"NServiceBus.FailedQ", nServiceBusFailure},
	{"MT-Reason", massTransitFailure},
	{"MT-Fault-InputAddress", massTransitFailure},
	{"x-exception-stacktrace", springFailure},
	{"x-exception-message", springFailure},
	{"rbs2-error-details", rebusFailure},
	{"reason_poisoned", watermillFailure},
	{symfonyStamp + "ErrorDetailsStamp", symfonyFailure},
	{symfonyStamp + "SentToFailureTransportStamp", symfonyFailure},
	{"retry_info", sneakersFailure},
	{"rascal", rascalFailure},
	{"exception-type", wolverineFailure},
}

// nServiceBusFailure reads Particular/NServiceBus
// src/NServiceBus.Core/Recoverability/Faults/FaultsHeaderKeys.cs and ExceptionHeaderHelper. FailedQ
// is "queue" or, from old versions, "queue@machine". TimeOfFailure has a colon before the
// microseconds.
func nServiceBusFailure(h Table) Failure {
	queue, _, _ := strings.Cut(h.Text("NServiceBus.FailedQ"), "@")
	task, _, _ := strings.Cut(h.Text("NServiceBus.EnclosedMessageTypes"), ",")
	at, _ := time.Parse("2006-01-02 15:04:05.000000 Z", dotBeforeMicros(h.Text("NServiceBus.TimeOfFailure")))
	return Failure{
		Framework: FrameworkNServiceBus, Queue: queue, Task: task, Time: at,
		Type:       h.Text("NServiceBus.ExceptionInfo.ExceptionType"),
		Message:    h.Text("NServiceBus.ExceptionInfo.Message"),
		StackTrace: h.Text("NServiceBus.ExceptionInfo.StackTrace"),
	}
}

// dotBeforeMicros converts "2014-11-11 02:26:58:000462 Z" to a form that package time can parse.
func dotBeforeMicros(s string) string {
	if i := strings.LastIndexByte(s, ':'); i > 0 {
		return s[:i] + "." + s[i+1:]
	}
	return s
}

// massTransitFailure reads MassTransit/MassTransit src/MassTransit.Abstractions/MessageHeaders.cs.
// MT-Reason is "fault", or "dead-letter" for a message that no consumer of the queue accepted
// (queue "…_skipped").
func massTransitFailure(h Table) Failure {
	f := Failure{
		Framework: FrameworkMassTransit, Queue: massTransitQueue(h.Text("MT-Fault-InputAddress")),
		Task: h.Text("MT-Fault-MessageType"), Type: h.Text("MT-Fault-ExceptionType"),
		Message: h.Text("MT-Fault-Message"), StackTrace: h.Text("MT-Fault-StackTrace"),
	}
	f.Time = parseTime(h.Text("MT-Fault-Timestamp"))
	if f.Type == "" && f.Message == "" && h.Text("MT-Reason") == "dead-letter" {
		f.Message = "no consumer accepted the message"
	}
	return f
}

// massTransitQueue extracts the queue from an address:
// rabbitmq://host[:port]/[vhost/]queue[?options], or queue:name[?options].
func massTransitQueue(address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return ""
	}
	path := u.Opaque
	if path == "" {
		path = u.EscapedPath()
	}
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return ""
	}
	return name
}

// springFailure reads spring-projects/spring-amqp
// spring-rabbit/…/retry/RepublishMessageRecoverer.java. The exchange and routing key are those of
// the failed delivery. The queue is not noted. The stack trace starts with "type: message".
func springFailure(h Table) Failure {
	f := Failure{
		Framework: FrameworkSpring, Message: h.Text("x-exception-message"), StackTrace: h.Text("x-exception-stacktrace"),
		Exchange: h.Text("x-original-exchange"), RoutingKey: h.Text("x-original-routingKey"),
	}
	_, f.HasRoute = h["x-original-routingKey"]
	f.Type, _ = exceptionType(springCause(f.StackTrace))
	return f
}

// springCause returns the stack trace from its last cause onwards. The listener's own exception
// precedes it, and x-exception-message belongs to the cause, too.
func springCause(trace string) string {
	if i := strings.Index(trace, "\nCaused by: "); i >= 0 {
		return trace[i+len("\nCaused by: "):]
	}
	return trace
}

// rebusFailure reads rebus-org/Rebus Rebus/Messages/Headers.cs,
// Rebus/Retry/PoisonQueues/DeadletterQueueErrorHandler.cs. The details are "message:
// exception.ToString()", possibly of several exceptions, cut to a maximum length.
func rebusFailure(h Table) Failure {
	details := h.Text("rbs2-error-details")
	queue, _, _ := strings.Cut(h.Text("rbs2-source-queue"), "@") // the transport also accepts "key@exchange"
	message, _, _ := strings.Cut(details, "\n")
	task, _, _ := strings.Cut(h.Text("rbs2-msg-type"), ",")
	f := Failure{
		Framework: FrameworkRebus, Message: strings.TrimSpace(message), StackTrace: details, Queue: queue, Task: task,
	}
	for line := range strings.Lines(details) {
		if name, ok := exceptionType(line); ok {
			f.Type = name
			break
		}
	}
	return f
}

// celeryFailure reads celery/celery docs/internals/protocol.rst (task message, version 2) and
// celery/app/amqp.py: headers lang, task, id, retries. A task message never carries its error,
// which goes to the result backend. So a dead task message was dead-lettered by the broker, and
// only its task is known.
func celeryFailure(h Table) Failure {
	return Failure{Framework: FrameworkCelery, Task: h.Text("task")}
}

// exceptionType returns the type in "Some.Type: message", the form in which .NET and Java print an
// exception.
func exceptionType(line string) (string, bool) {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "\n")
	for part := range strings.SplitSeq(line, ": ") {
		name := strings.TrimSpace(part[strings.LastIndexByte(part, ' ')+1:])
		if isTypeName(name) {
			return name, true
		}
	}
	return "", false
}

func isTypeName(s string) bool {
	last := s[strings.LastIndexAny(s, ".$")+1:]
	if !strings.HasSuffix(last, "Exception") && !strings.HasSuffix(last, "Error") || last == s && len(s) < 6 {
		return false
	}
	return !strings.ContainsAny(s, `"'()[]{}<>/\,;=`)
}

// parseTime parses the forms that .NET libraries write. It returns zero for any other text.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "01/02/2006 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
