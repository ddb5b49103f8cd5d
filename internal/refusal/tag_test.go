package refusal_test

import (
	"testing"

	"github.com/msgctl/msgctl/internal/refusal"
)

func TestGiveTagKeepsWhatTheUserHas(t *testing.T) {
	for want, got := range map[string]string{
		"rabbitmqctl set_user_tags u management 'of mine' monitoring": refusal.GiveTag("u", []string{"management", "of mine"},
			true, "monitoring"),
		"rabbitmqctl set_user_tags u monitoring": refusal.GiveTag("u", nil, true, "monitoring"),
		"rabbitmqctl set_user_tags u monitoring, with the tags that it has already (rabbitmqctl list_users): they are " +
			"replaced": refusal.GiveTag("u", nil, false, "monitoring"),
	} {
		if got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
