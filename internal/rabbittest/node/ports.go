//go:build unix

package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// ports are the ports of one node, all on 127.0.0.1.
type ports struct {
	amqp, api, prometheus, dist, epmd int
	// held listens on the first port of the block for as long as the node exists.
	held net.Listener
}

// Node ports are below the range that operating systems assign to outgoing connections and to
// listeners without a fixed port. That range starts at 32768 on Linux and at 49152 on macOS.
const (
	firstPort  = 20_000
	portBlocks = 2000
	portBlock  = 6
)

// takePorts reserves a block of unused ports. A stopped node must get the same ports when it
// restarts. Meanwhile the operating system assigns none of them, and other nodes skip the block
// because this process listens on its first port.
func takePorts() (ports, error) {
	for i, start := 0, rand.IntN(portBlocks); i < portBlocks; i++ {
		first := firstPort + (start+i)%portBlocks*portBlock
		held, err := listen(first)
		if err != nil {
			continue
		}
		p := ports{amqp: first + 1, api: first + 2, prometheus: first + 3, dist: first + 4, epmd: first + 5, held: held}
		if p.free() {
			return p, nil
		}
		p.release()
	}
	return ports{}, errors.New("find free ports: all are taken")
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", ports{}.addr(port)) //nolint:noctx // a local listener
}

// free reports whether nothing listens on any of the ports.
func (p ports) free() bool {
	for _, port := range []int{p.amqp, p.api, p.prometheus, p.dist, p.epmd} {
		ln, err := listen(port)
		if err != nil {
			return false
		}
		_ = ln.Close()
	}
	return true
}

// release gives up the reservation of the ports.
func (p ports) release() { _ = p.held.Close() }

func (ports) addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (p ports) config() string {
	return fmt.Sprintf(`listeners.tcp.1 = 127.0.0.1:%d
management.tcp.ip = 127.0.0.1
management.tcp.port = %d
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = %d
`, p.amqp, p.api, p.prometheus)
}
