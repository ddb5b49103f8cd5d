// Package routetest runs the tests of a topology file, which state where a message must go and what
// must happen to it when it dies. Run uses the simulator of package route. Live uses a broker,
// through the TestVHost that its caller provides.
package routetest
