// Package routetest runs the tests of a topology file: where must one message go, and what must
// become of it when it dies. Run asks the simulator of package route; Live asks a broker, through
// the TestVHost that its caller provides.
package routetest
