package plans

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

func TestBlockedNamesTheFlag(t *testing.T) {
	for _, c := range []struct {
		remedy plan.Remedy
		want   string
	}{
		{plan.Remedy{}, "why"},
		{plan.Remedy{Kind: plan.AllowReplace}, "why: allow it with --replace=empty"},
		{plan.Remedy{Kind: plan.AllowLoss, Messages: 15}, "why: allow their loss with --max-message-loss 15"},
		{plan.Remedy{Kind: plan.AllowConsumers, Messages: 1}, "why: stop them, or allow it with --max-message-loss 1"},
		{plan.Remedy{Kind: plan.AllowUncounted}, "why: allow its loss with --max-message-loss N"},
		{plan.Remedy{Kind: plan.AllowUncounted, Messages: 6}, "why: allow its loss with --max-message-loss N (at least 6)"},
		{plan.Remedy{Kind: plan.AllowTakeOver, Owner: "old@/"}, "why. If it has moved here, take it over with " +
			"--adopt-from old@/"},
		{plan.Remedy{Kind: plan.AllowAdopt}, "why. Take it out of the files, or, if it is yours, adopt it first: " +
			"msgctl apply --adopt"},
	} {
		if got := blocked(plan.Step{Blocked: "why", Remedy: c.remedy}); got != c.want {
			t.Errorf("%+v: %q, want %q", c.remedy, got, c.want)
		}
	}
}

func TestMissingVHostNamesTheFlag(t *testing.T) {
	list := diag.Diagnostics{{Fix: "add it", Remedy: diag.CreateVHost}, {Fix: "other"}}
	got := withFlags(list)
	if got[0].Fix != "to have it created, run again with --create-vhost, or add it" || got[1].Fix != "other" ||
		list[0].Fix != "add it" {
		t.Errorf("%+v from %+v", got, list)
	}
}
