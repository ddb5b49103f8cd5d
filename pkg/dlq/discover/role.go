package discover

import (
	"regexp"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology"
)

// IsWait returns a function that reports whether a queue is a wait queue. Replays ignore deaths in
// wait queues when they look for where a message first died.
func (d Discovery) IsWait(vhost string) func(queue string) bool {
	wait := map[string]bool{}
	for _, q := range d.Queues {
		if q.VHost == vhost && q.Role == RoleWait {
			wait[q.Name] = true
		}
		for _, s := range q.Sources {
			if q.VHost == vhost && namedWait(s.Queue) {
				wait[s.Queue] = true
			}
		}
	}
	return func(queue string) bool { return wait[queue] }
}

// Waits returns the wait queues of a state, in all vhosts.
func (d Discovery) Waits(s *topology.State) map[topology.Ref]bool {
	list := map[topology.Ref]bool{}
	byVHost := map[string]func(string) bool{}
	for _, vhost := range s.VHosts() {
		byVHost[vhost] = d.IsWait(vhost)
	}
	for ref := range s.All() {
		if ref.Kind == topology.KindQueue && byVHost[ref.VHost](ref.Name) {
			list[ref] = true
		}
	}
	return list
}

var waitName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(^|[._-])(retry|wait|delay|backoff)`) })

func namedWait(queue string) bool { return waitName().MatchString(queue) }

// roles separates wait and work queues from those where dead letters end. With retry steps,
// messages circulate: work, wait, work. A wait queue is a queue of such a cycle whose messages
// expire; a work queue receives dead letters from wait queues only.
func (f *finder) roles() {
	next := map[string][]string{}
	for name, q := range f.found {
		for _, s := range q.Sources {
			next[s.Queue] = append(next[s.Queue], name)
		}
	}
	wait := map[string]bool{}
	for from := range next {
		if q := f.n.Queue(from); q != nil && f.n.policies.settings(q).get("message-ttl").Value != nil {
			wait[from] = reaches(next, from) || namedWait(from)
		}
	}
	for name, q := range f.found {
		switch {
		case wait[name]:
			q.Role = RoleWait
		case len(q.Sources) > 0 && onlyFrom(q.Sources, wait):
			q.Role = RoleWork
		}
	}
}

func onlyFrom(list []Source, wait map[string]bool) bool {
	for _, s := range list {
		if !wait[s.Queue] {
			return false
		}
	}
	return true
}

// reaches reports whether dead letters of a queue return to it.
func reaches(next map[string][]string, from string) bool {
	seen := map[string]bool{}
	todo := append([]string(nil), next[from]...)
	for len(todo) > 0 {
		q := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if q == from {
			return true
		}
		if !seen[q] {
			seen[q] = true
			todo = append(todo, next[q]...)
		}
	}
	return false
}

type naming struct {
	by string
	re *regexp.Regexp
}

// namings are the names that frameworks give to their error queues, and common names.
var namings = sync.OnceValue(func() []naming {
	rules := [][2]string{
		{"EasyNetQ", `^EasyNetQ_Default_Error_Queue|^ErrorQueue_`},
		{"MassTransit", `_error$|_skipped$`},
		{"NServiceBus or Rebus", `^error$`},
		{"Wolverine", `^wolverine-dead-letter-queue$`},
		{"Spring Cloud Stream", `\.dlq$`},
		{"Azure style", `\$DeadLetterQueue$|/DeadLetterQueue$`},
		{"name", `(?i)(^|[._:/-])(dlq|dlx|dead[._-]?letters?([._-]?queue)?|errors?|failed|poison|parking[._-]?lot)([._:/-]?queue)?$`},
		{"name", `DeadLetters?(Queue)?$|DLQ$|ErrorQueue$`},
	}
	list := make([]naming, len(rules))
	for i, r := range rules {
		list[i] = naming{by: r[0], re: regexp.MustCompile(r[1])}
	}
	return list
})

// ByMatch is the Queue.ByName of a queue whose name DiscoverOptions.Match matches.
const ByMatch = "match"

func errorQueueOf(name string, match *regexp.Regexp) string {
	if match != nil && match.MatchString(name) {
		return ByMatch
	}
	for _, n := range namings() {
		if n.re.MatchString(name) {
			return n.by
		}
	}
	return ""
}
