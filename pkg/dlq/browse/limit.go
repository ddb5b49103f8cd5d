package browse

import (
	"time"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// deliveryLimit judges a quorum queue by its delivery limit and by what counts towards it (facts
// default-delivery-limit, returns-count, nacks-without-limit, large-nack-reorders).
//
// A message whose count is over the limit is dropped, or dead-lettered again, at its next return of
// any kind. One that a limit has dead-lettered may arrive with such a count: browsing it once would
// be its end (fact dead-letters-keep-count).
func (a *assessment) deliveryLimit() {
	f := a.f
	limit, ok := f.DeliveryLimit.Int()
	counts := !capability.VersionAtLeast(f.Version, "4.3")
	if counts {
		a.note(EffectCounted, "browsing counts as a delivery: the x-delivery-count of each message grows by one")
	}
	if !ok || limit < 0 {
		if counts {
			a.l.Return = ReturnByClose
		}
		return
	}
	if !capability.VersionAtLeast(f.Version, "4.0") {
		a.l.Return = ReturnByNacks
	}
	room := Room{Limit: limit, Counts: counts}
	if counts {
		room.Reserve = limit / 2
	}
	a.room(room)
}

func (a *assessment) room(r Room) {
	f := a.f
	override := a.o.Override && !f.LimitFixed && capability.VersionAtLeast(f.Version, "4.0")
	switch {
	case override:
		a.l.Override = true
		// Returns count under an override, too, and the counts stay. So the room is checked here
		// as well.
		if r.Counts {
			a.l.Room, a.l.Return = &r, ReturnByClose
		}
	case a.o.Force:
		a.refuse(PermitForce, "its delivery limit is %d (%s): messages that reached it are dropped or dead-lettered again "+
			"when they are returned", r.Limit, f.DeliveryLimit.From)
	case !r.Fits(0):
		a.refuse(a.permit(), "its delivery limit is %d (%s), and browsing uses up one delivery", r.Limit,
			f.DeliveryLimit.From)
	case f.Counted:
		a.refuse(a.permit(), "its delivery limit is %d (%s), and on this broker version dead letters of quorum queues "+
			"keep their delivery count: those that reached the limit are dropped or dead-lettered again when they are "+
			"browsed once",
			r.Limit, f.DeliveryLimit.From)
	default:
		a.l.Room = &r
	}
}

// permit says what could allow browsing. A policy cannot lift a limit that is an argument, nor one
// of a broker to which -1 means 0 (facts setting-precedence, default-delivery-limit).
func (a *assessment) permit() Permit {
	if a.f.LimitFixed || !capability.VersionAtLeast(a.f.Version, "4.0") {
		return PermitForce
	}
	return PermitOverride
}

// delayedRetry refuses to browse a queue that makes returned messages wait (fact
// delayed-retry-returned).
func (a *assessment) delayedRetry() {
	if t := a.f.DelayedRetry.Text(); t == "all" || t == "returned" {
		ms, _ := a.f.DelayedRetryMin.Int()
		a.refuse(PermitForce, "its delayed retry (%s: %s) hides returned messages from everybody for %s or more",
			a.f.DelayedRetry.From, t, time.Duration(ms)*time.Millisecond)
	}
}
