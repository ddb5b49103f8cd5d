// Package reference contains what msgctl is compared with: the features of the broker itself (bulk
// import, dynamic shovel) and the loops that one would write with the client libraries. All of it
// works in the vhost VHost, which EmptyVHost creates and RemoveVHost deletes.
//
// A measured time includes opening the connection, as it does for a program. It ends when the
// broker has answered for the last message.
package reference
