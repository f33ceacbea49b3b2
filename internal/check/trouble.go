package check

import (
	"fmt"
	"strings"

	"fairway/internal/fact"
)

// trouble says why a slot's task does not run, in the words of the node that
// tried. slow: nothing failed so far, it only takes long.
func (in *In) trouble(s *slot) (said string, slow bool) {
	switch t := s.Now; {
	case len(s.Failed) > 1:
		first := s.Failed[len(s.Failed)-1]
		return fmt.Sprintf("%s %d times in %s, last on %s: %s", fate(s.Failed[0]), len(s.Failed), in.since(first.StateSince), in.NodeName(s.Failed[0].Node), why(s.Failed[0])), false
	case t == nil:
		return fmt.Sprintf("%s %s ago on %s and is not started again: %s", fate(s.Last), in.since(s.Last.StateSince), in.NodeName(s.Last.Node), why(s.Last)), false
	case t.Err != "":
		return fmt.Sprintf("is %s on %s for %s: %s", t.State, in.NodeName(t.Node), in.since(t.StateSince), short(t.Err)), false
	case len(s.Failed) == 1:
		return fmt.Sprintf("%s %s ago on %s: %s", fate(s.Failed[0]), in.since(s.Failed[0].StateSince), in.NodeName(s.Failed[0].Node), why(s.Failed[0])), false
	case t.Node == "":
		return fmt.Sprintf("is %s for %s: the managers have not placed it (%s)", t.State, in.since(t.StateSince), t.Message), false
	case t.State == "preparing":
		return fmt.Sprintf("is preparing on %s for %s: pulling its image, or waiting for a network or a volume", in.NodeName(t.Node), in.since(t.StateSince)), true
	default:
		return fmt.Sprintf("is %s on %s for %s", t.State, in.NodeName(t.Node), in.since(t.StateSince)), false
	}
}

// fate is how a task ended.
func fate(t *fact.Task) string {
	if t.State == "complete" {
		return "ended"
	}
	return t.State
}

// why is a task's error, else its exit code.
func why(t *fact.Task) string {
	if t.Err != "" {
		return short(t.Err)
	}
	return fmt.Sprintf("%s (exit code %d)", t.Message, t.ExitCode)
}

// short keeps the end of a long chain of errors: the cause stands there.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 160 {
		return "…" + string(r[len(r)-159:])
	}
	return s
}

// noRelief: starting the same thing again ends the same way.
const noRelief = "Nothing restores it but the fix: there is no earlier definition to go back to, and the same program ends the same way."

// revive is the least that may bring a slot back, by what its error says, and
// what that disturbs.
func (in *In) revive(svc *fact.Service, s *slot) (relief, impact string) {
	t := s.Last
	if len(s.Failed) > 0 && t.Err == "" {
		t = s.Failed[0]
	}
	node := in.NodeName(t.Node)
	missing := strings.Contains(t.Err, "executable file not found") || strings.Contains(t.Err, "no such file or directory") && strings.Contains(t.Err, "exec")
	switch e := t.Err; {
	case s.Now == nil && t.State == "complete":
		return "docker service update --force " + quoted(svc.Name), impactService(svc)
	case strings.Contains(svc.UpdateState, "paused"), missing && svc.UpdateState != "":
		return "docker service update --rollback " + quoted(svc.Name), impactService(svc)
	case strings.Contains(e, "No such image") || strings.Contains(e, "pull") || strings.Contains(e, "resolve reference") || strings.Contains(e, "manifest"):
		return fmt.Sprintf("docker service update --image IMAGE:TAG %s   # one that %s can pull, or load the image there by hand", quoted(svc.Name), node), impactService(svc)
	case strings.Contains(e, "bind source path does not exist"):
		return fmt.Sprintf("on %s: mkdir -p %s", node, quoted(strings.TrimSpace(e[strings.LastIndex(e, ":")+1:]))), ImpactNone
	case missing: // starting it anew fails anew
		return noRelief, ImpactNone
	case s.Now == nil:
		return "docker service update --force " + quoted(svc.Name), impactService(svc)
	case ended(t) && svc.UpdateState != "":
		return "docker service update --rollback " + quoted(svc.Name), impactService(svc)
	case ended(t):
		return noRelief, ImpactNone
	}
	return "docker service update --force " + quoted(svc.Name), impactService(svc)
}
