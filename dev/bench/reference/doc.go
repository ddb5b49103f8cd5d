// Package reference has what msgctl is measured against: the broker's own means (bulk import,
// dynamic shovel) and the loops that one would write on the client libraries. All of it works in
// the virtual host VHost, which EmptyVHost makes and RemoveVHost deletes.
//
// A contender returns what it used. Its time includes opening the connection, as a program's does,
// and ends when the broker has answered for the last message.
package reference
