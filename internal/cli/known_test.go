package cli

import (
	"context"
	"slices"
	"testing"

	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/fleet"
)

// reader is a node that notes whose resolv.conf it is asked for.
type reader struct {
	fleet.Node
	answer *fleet.LookAnswer
	asked  []fact.ContainerID
}

func (r *reader) Look(_ context.Context, q fleet.LookRequest) (*fleet.LookAnswer, error) {
	r.asked = append(r.asked, q.Resolv...)
	return r.answer, nil
}

// TestContainerAsTarget: who asks is known only after the engine has told of the
// container, and their resolv.conf must not be missing then.
func TestContainerAsTarget(t *testing.T) {
	s := facttest.OneNode()
	node := s.Nodes[0]
	node.Engine.Containers = append(node.Engine.Containers, fact.Container{ID: "shell", Name: "shell", State: "running",
		Endpoints: []fact.ContainerEndpoint{{Network: facttest.App}}})
	s.Nodes, s.Question = nil, fact.Question{From: "web.1", To: "shell"}
	for _, read := range []bool{true, false} {
		if !read {
			for i := range node.Kernel.Namespaces {
				node.Kernel.Namespaces[i].Resolv = nil
			}
		}
		here := &reader{answer: &fleet.LookAnswer{Node: node}}
		l := &look{ways: &ways{here: here}}
		if _, err := l.known(t.Context(), s, here.answer); err != nil {
			t.Fatal(err)
		}
		if got := slices.Equal(here.asked, []fact.ContainerID{facttest.Container(facttest.Web(1))}); got == read {
			t.Errorf("read before: %v, asked for %q", read, here.asked)
		}
	}
}
