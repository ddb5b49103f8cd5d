//go:build !unix

package node

import (
	"context"
	"errors"
)

var errNeedsUnix = errors.New("private nodes need Linux or macOS; set MSGCTL_URL to a running RabbitMQ instead")

// Start always fails on this system: private nodes require Linux or macOS.
func Start(context.Context, Options) (*Node, error) { return nil, errNeedsUnix }

func startContainer(context.Context, Options) (*Node, error) { return nil, errNeedsUnix }

func dockerAnswers(context.Context) bool { return false }
