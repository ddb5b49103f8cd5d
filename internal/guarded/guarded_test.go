package guarded_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
)

func TestWithin(t *testing.T) {
	if n, err := guarded.Within(t.Context(), 0, func() int { return 7 }); n != 7 || err != nil {
		t.Error(n, err)
	}
	_, err := guarded.Within(t.Context(), time.Hour, func() int { panic("hostile") })
	var p *guarded.Panic
	if !errors.As(err, &p) || p.Value != "hostile" {
		t.Error(err)
	}
	block := make(chan struct{})
	defer close(block)
	forever := func() int { <-block; return 0 }
	if _, err := guarded.Within(t.Context(), time.Nanosecond, forever); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := guarded.Within(ctx, 0, forever); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
