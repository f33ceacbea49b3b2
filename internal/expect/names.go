// Package expect knows what every node should hold had Swarm done its job: the
// engine's conventions by version, the ends of a question, and which probes
// would tell more.
package expect

import (
	"strconv"
	"strings"

	"fairway/internal/fact"
)

// TaskName is the name the engine gives a task's endpoint and answers reverse
// look-ups with: service.slot.taskID, followed in DNS by the network's name.
type TaskName struct {
	Service string
	// Slot is the number of a replicated service's task, or the Swarm node ID of
	// a global one's (libnetwork, all versions).
	Slot string
	Task fact.TaskID
	// Network is the rest after the task ID; empty when there was none.
	Network string
}

// ParseTaskName reads a task's endpoint name or the answer of a reverse
// look-up. Service and network names may contain dots, so it looks from the
// right for a task ID behind a slot.
func ParseTaskName(name string) (TaskName, bool) {
	name = strings.TrimSuffix(name, ".")
	for end := len(name); ; { // no Split: this is asked for every row of every node
		id := strings.LastIndexByte(name[:end], '.')
		slot := strings.LastIndexByte(name[:max(id, 0)], '.')
		if slot < 0 {
			return TaskName{}, false
		}
		if isSwarmID(name[id+1:end]) && isSlot(name[slot+1:id]) {
			return TaskName{
				Service: name[:slot],
				Slot:    name[slot+1 : id],
				Task:    fact.TaskID(name[id+1 : end]),
				Network: strings.TrimPrefix(name[end:], "."),
			}, true
		}
		end = id
	}
}

// NameOf is the name the engine gives the task's endpoint.
func NameOf(t *fact.Task) string {
	slot := strconv.Itoa(t.Slot)
	if t.Slot == 0 {
		slot = string(t.Node)
	}
	return t.Service + "." + slot + "." + string(t.ID)
}

// ShortName is NameOf as `docker service ps` shows it: service.slot for a
// replicated service, service.nodeID for a global one.
func ShortName(t *fact.Task) string {
	return strings.TrimSuffix(NameOf(t), "."+string(t.ID))
}

// isSwarmID: identifiers of Swarm objects are 25 characters of base 36.
func isSwarmID(s string) bool {
	if len(s) != 25 {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}

func isSlot(s string) bool {
	if isSwarmID(s) {
		return true
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return err == nil && n > 0
}
