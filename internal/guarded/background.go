package guarded

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
)

var (
	onPanic atomic.Pointer[func(value any, stack []byte)]
	first   sync.Mutex
)

// OnPanic sets what becomes of a panic in a goroutine that this package guards. end is called in
// that goroutine, for the first panic only, and should end the process. What the goroutine had to
// do is not done, and others may wait for it. Without OnPanic, such a panic is Go's own: it prints
// raw text, which may hold credentials, and ends the process with code 2.
//
// A panic is never passed on to the goroutine that waits: it may wait for something else, which
// this panic prevents.
func OnPanic(end func(value any, stack []byte)) { onPanic.Store(&end) }

// Go runs f in a new goroutine and guards it. All goroutines of the program begin with Go, or with
// functions that come from Func or Try; a test of cmd checks that.
func Go(f func()) { go Func(f)() }

// Func returns f, guarded: for sync.WaitGroup and AfterFunc, which begin goroutines themselves.
func Func(f func()) func() {
	return func() {
		defer Here()
		f()
	}
}

// Try is Func for functions that return an error: for errgroup.
func Try(f func() error) func() error {
	return func() error {
		defer Here()
		return f()
	}
}

// Here guards the function that defers it: for one that a library calls in a goroutine of its own.
func Here() {
	end := onPanic.Load()
	if end == nil {
		return
	}
	if v := recover(); v != nil {
		first.Lock() // for ever
		(*end)(v, debug.Stack())
	}
}
