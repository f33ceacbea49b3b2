// Package deploy puts fairway's agents into a Swarm and takes them out again: the
// image without a registry, the global service, its secrets, the operator's key.
package deploy

// What Deploy leaves in a Swarm carries this label; nothing else is ever changed
// or removed.
const (
	// Service is the name of the global service.
	Service = "fairway-agent"
	// Label and LabelValue mark everything that is fairway's.
	Label, LabelValue = "fairway", "agent"
	// LabelCA is the service's label with the fingerprint of the CA that its
	// agents and its operator's key come from.
	LabelCA = "fairway.ca"
	// LabelPort is the service's label with the port that agents listen on.
	LabelPort = "fairway.port"
	// LabelHash is the service's label with the SHA-256 of the binary that was
	// deployed, in hex; absent when a site's own image was.
	LabelHash = "fairway.hash"
	// LabelGeneration is the service's label with the generation of its keys.
	LabelGeneration = "fairway.generation"
)

// Port is what agents listen on unless told otherwise.
const Port = 9747
