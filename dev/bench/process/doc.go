// Package process runs programs and measures their wall time, their processor time and the peak of
// their resident memory. The peak requires /proc and is 0 on systems without it.
package process
