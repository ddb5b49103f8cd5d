// Package route says where a message would go in a topology, and why: a pure simulation of a
// broker's exchanges, bindings, policies and dead-lettering, with no broker.
//
//	n := route.New(state, "/", "4.3")
//	trace := n.Route(route.Publication{Exchange: "orders.exchange", Key: "order.created"})
//	trace = n.After(trace, route.Death{Queue: "orders.queue", Reason: route.Rejected})
//
// A Network is one vhost as one broker version would have it. It is made once, which costs time
// proportional to the objects, and answers from indexes: a route through thousands of bindings
// takes microseconds. It is safe for concurrent use as long as nobody changes the state that it was
// made of.
//
// What the broker does (see capability.Facts) is held against brokers of all supported release
// lines by a differential test with random topologies and messages. What cannot be known from a
// file is said so: an exchange that chooses by a hash or by chance leads to "one of" its
// destinations, one of a type that only a plugin knows leads to any of them, and policies of equal
// priority make an answer unsure.
//
// Left out, because no file tells: how full queues are, who consumes, permissions, federation and
// shovels, and headers in which a client forges a death history.
package route
