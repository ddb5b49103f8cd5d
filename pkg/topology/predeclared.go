package topology

import "strings"

// predeclaredTypes are the exchanges that every vhost has from the start (3.10.8, 4.0.5, 4.3.6),
// all durable.
func predeclaredTypes() map[string]string {
	return map[string]string{
		"": "direct", "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic", "amq.headers": "headers",
		"amq.match": "headers", "amq.rabbitmq.trace": "topic",
	}
}

// IsReserved reports whether a name begins with amq., which only the broker itself may declare and
// delete.
func IsReserved(name string) bool { return strings.HasPrefix(name, "amq.") }

// IsPredeclared reports whether every vhost has an exchange of that name from the start. The
// default exchange is "".
func IsPredeclared(exchange string) bool {
	_, ok := predeclaredTypes()[exchange]
	return ok
}

// PredeclaredType returns the type of an exchange that every vhost has from the start, "" for
// others.
func PredeclaredType(exchange string) string { return predeclaredTypes()[exchange] }

// untouchable reports whether msgctl never creates, changes or deletes the object, whoever declares
// it.
func untouchable(ref Ref) bool {
	switch ref.Kind {
	case KindExchange:
		return ref.Name == "" || IsReserved(ref.Name)
	case KindBinding:
		return ref.Parent == ""
	case KindGlobalParameter:
		_, ours := OwnershipName(ref.Name)
		return ours
	}
	return false
}
