package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"fairway/internal/fact"
)

// trouble puts an engine's refusal into one sentence: what fairway was doing,
// why it could not, what to do.
func trouble(doing string, err error) error {
	text := said(err)
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, interrupted{})
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer from the engine: %w", doing, err)
	case has("does not have a leader"), has("lost quorum"), has("Raft"):
		return fmt.Errorf("%s: the managers have no leader: bring back more than half of them first", doing)
	case has("not a swarm manager"):
		return fmt.Errorf("%s: this node is a worker: run it on a manager, or point --host or --context at one", doing)
	case has("update out of sequence"):
		return fmt.Errorf("%s: somebody else changed it in the same moment: run it again", doing)
	case errdefs.IsAlreadyExists(err), errdefs.IsConflict(err), has("already exists"), has("name conflicts"):
		return fmt.Errorf("%s: it is there already (%s): is another deployment under way? run it again", doing, text)
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err), has("permission denied"), has("authorization denied"):
		return fmt.Errorf("%s: permission denied (%s): run it with sudo or as a member of the docker group, and see that no authorization plugin forbids it", doing, text)
	case client.IsErrConnectionFailed(err):
		return fmt.Errorf("%s: the connection to the engine broke (%s): see that dockerd runs there", doing, text)
	}
	return fmt.Errorf("%s: the engine says: %s", doing, text)
}

// interrupted is the end of a context in an operator's words.
type interrupted struct{}

func (interrupted) Error() string        { return "interrupted" }
func (interrupted) Is(target error) bool { return target == context.Canceled }

// said is an engine's message without what surrounds it, on one line.
func said(err error) string {
	if err == nil {
		return ""
	}
	text := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	if _, desc, ok := strings.Cut(text, " desc = "); ok {
		text = desc
	}
	return fact.OneLine(text)
}
