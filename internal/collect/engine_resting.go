package collect

import (
	"context"
	"io"
	"strings"
	"time"

	"fairway/internal/fact"
)

// restingQuery asks for containers at rest, and not for all of them: 29 looks up
// the image of each one it lists (1 ms with the containerd store), and Swarm
// keeps several per slot. Engines count those that fit (all versions).
const restingQuery = "?filters=%7B%22status%22%3A%5B%22created%22%2C%22dead%22%2C%22exited%22%5D%7D&limit=50"

// restingJSON is what is read of one of them.
type restingJSON struct {
	listedJSON
	Status string
}

// resting lists containers without processes. No check needs them, they are
// evidence: an engine that does not tell hides nothing.
func (e *Engine) resting(ctx context.Context) ([]fact.RestingContainer, []fact.Gap) {
	var list []fact.RestingContainer
	gaps := e.look(fact.KindContainers, "list the engine's containers at rest", func(bad *garbled) error {
		return e.get(ctx, "/containers/json"+restingQuery, func(r io.Reader) error {
			return readResting(newAnswer(r, bad), &list)
		})
	})
	for i := range gaps {
		gaps[i].Class = fact.ClassAside
	}
	return list, gaps
}

func readResting(a *answer, list *[]fact.RestingContainer) error {
	return a.elements("the list of containers at rest", func() error {
		var in restingJSON
		if err := a.value("container", &in); err != nil {
			return err
		}
		c := fact.RestingContainer{ID: fact.ContainerID(in.ID), Service: in.Labels.ServiceName, TaskID: fact.TaskID(in.Labels.TaskID),
			State: in.State, Status: in.Status, Created: time.Unix(in.Created, 0).UTC()}
		if len(in.Names) > 0 {
			c.Name = strings.TrimPrefix(in.Names[0], "/")
		}
		*list = append(*list, c)
		return nil
	})
}
