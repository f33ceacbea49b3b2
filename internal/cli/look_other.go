//go:build !linux

package cli

import (
	"context"

	"fairway/internal/collect"
	"fairway/internal/expect"
	"fairway/internal/fact"
)

// senses are empty where there are no network namespaces to probe from; the
// kernel collector's gap says so.
type senses struct{}

func (*senses) made() int                                                                { return 0 }
func (*senses) send(context.Context, *fact.Snapshot, collect.KernelRequest, expect.Plan) {}
func (*senses) close()                                                                   {}
