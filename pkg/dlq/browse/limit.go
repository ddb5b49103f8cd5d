package browse

import (
	"time"

	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// deliveryLimit judges a quorum queue by facts seen on live brokers.
//
//	return          3.10.8              4.0.5               4.3.6
//	nack            counts              counts              does not count
//	reject, close   counts              counts              counts
//	order, limited  head, in order      head, in order      head, in order
//	order, no limit tail; close: head   tail; close: head   head, in order
//	default limit   none                20                  20
//	dead letters    count from 0        count from 0        go on counting
//
// A message whose count is over the limit is dropped, or dead-lettered again, at its next return of
// any kind. On 4.3 one that the default limit killed comes with a count of 21: a single look would
// be its end.
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
		// On 4.0 returns under an override count too, and the counts stay: the room is checked all
		// the same.
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

// permit: a limit in an argument beats every policy, and 3.10 takes -1 for 0.
func (a *assessment) permit() Permit {
	if a.f.LimitFixed || !capability.VersionAtLeast(a.f.Version, "4.0") {
		return PermitForce
	}
	return PermitOverride
}

// delayedRetry: 4.3 makes returned messages of the types all and returned wait.
func (a *assessment) delayedRetry() {
	if t := a.f.DelayedRetry.Text(); t == "all" || t == "returned" {
		ms, _ := a.f.DelayedRetryMin.Int()
		a.refuse(PermitForce, "its delayed retry (%s: %s) hides returned messages from everybody for %s or more",
			a.f.DelayedRetry.From, t, time.Duration(ms)*time.Millisecond)
	}
}
