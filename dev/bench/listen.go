package main

import "net"

// listenLocal takes a free port of this machine.
func listenLocal() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") } //nolint:noctx // nothing to cancel
