// Package process runs programs and says what they used: wall time, processor time, and the peak of
// resident memory where there is a /proc.
package process
