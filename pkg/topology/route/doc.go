// Package route predicts where a message would go in a topology, and why. It is a pure simulation
// of a broker's exchanges, bindings, policies and dead-lettering.
//
//	n := route.New(state, "/", "4.3")
//	trace := n.Route(route.Publication{Exchange: "orders.exchange", Key: "order.created"})
//	trace = n.After(trace, route.Death{Queue: "orders.queue", Reason: route.Rejected})
//
// A Network simulates one vhost on one broker version. Building it takes time proportional to the
// number of objects. After that it answers from indexes: a route through thousands of bindings
// takes microseconds. It is safe for concurrent use as long as the state that it was built from
// does not change.
//
// A differential test compares the simulation with brokers of all supported release lines on random
// topologies and messages (see also capability.Facts). Where a file does not determine the answer,
// the result says so. An exchange that chooses by hash or at random leads to "one of" its
// destinations. An exchange of a plugin's type leads to any of them, and policies of equal priority
// make an answer unsure.
//
// Not simulated, because no file describes it: queue depths, consumers, permissions, federation,
// shovels, and x-death headers that a client forges.
package route
