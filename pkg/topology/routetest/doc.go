// Package routetest runs the routing tests of a topology file. A test states to which queues a
// message must go and what must happen when it dies. Suite.Run uses the simulator of package route.
// Live uses a broker through a TestVHost, which the caller provides.
package routetest
