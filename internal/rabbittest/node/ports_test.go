//go:build unix

package node

import (
	"net"
	"testing"
)

// TestPortsStayTheNodesOwn checks that no other node gets the ports of a node that is down.
func TestPortsStayTheNodesOwn(t *testing.T) {
	taken := map[int]bool{}
	for range 300 {
		p, err := takePorts()
		if err != nil {
			t.Fatal(err)
		}
		defer p.release()
		for _, port := range []int{p.amqp, p.api, p.prometheus, p.dist, p.epmd, p.held.Addr().(*net.TCPAddr).Port} {
			if taken[port] {
				t.Fatalf("port %d was given to two nodes", port)
			}
			if port >= 32_768 {
				t.Fatalf("port %d may be given to any connection", port)
			}
			taken[port] = true
		}
	}
}
