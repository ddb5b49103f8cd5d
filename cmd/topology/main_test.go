package topology_test

import (
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
)

func TestMain(m *testing.M) { cmdtest.Main(m) }
