package fact

import (
	"net/netip"
	"reflect"
	"time"
)

type (
	addr     = netip.Addr
	prefix   = netip.Prefix
	addrPort = netip.AddrPort
)

func addrPortFrom(a addr, port uint16) addrPort { return netip.AddrPortFrom(a, port) }

// place says what a string of a snapshot is.
type place int

// The places. A string that has none is a sentence: originals that are known
// from elsewhere, addresses and IDs are replaced wherever they stand in it.
const (
	sentence place = iota
	// kept are words of Swarm, of kernels and of ours.
	kept
	// asID is an ID whose type is string.
	asID
	// ofLink names an interface: it stays, but for the ID that the engine puts there.
	ofLink
	// These hold one name of that sort.
	ofNode
	ofService
	ofNetwork
	ofContainer
	ofAlias
	ofDomain
	// ofTask is service.slot.task or a container's name, ofPeer a host name with
	// digits, ofSpace a namespace, ofKey a name that was made of others.
	ofTask
	ofPeer
	ofSpace
	ofKey
	// asked is whatever an operator typed, ofDNS a name or an address, ofPath a path
	// of a URL, ofConstraint a placement constraint.
	asked
	ofDNS
	ofPath
	ofConstraint
	// shortNetwork is the name of a network, its ID, or the beginning of that.
	shortNetwork
)

// fields are the strings that are no sentences. A test knows those that are.
var fields = map[string]place{
	"Snapshot.Tool":                 kept,
	"Question.From":                 asked,
	"Question.To":                   asked,
	"Question.Proto":                kept,
	"Question.Node":                 ofNode,
	"Question.Services":             asked,
	"Question.PublishedProto":       kept,
	"HTTPQuestion.Host":             ofDNS,
	"HTTPQuestion.Path":             ofPath,
	"Node.Name":                     ofNode,
	"Wanted.ClusterID":              asID,
	"SwarmNode.Hostname":            ofNode,
	"SwarmNode.Role":                kept,
	"SwarmNode.Availability":        kept,
	"SwarmNode.State":               kept,
	"SwarmNode.Reachability":        kept,
	"SwarmNode.EngineVersion":       kept,
	"SwarmNode.OS":                  kept,
	"SwarmNode.Arch":                kept,
	"Port.Proto":                    kept,
	"Port.Mode":                     kept,
	"Service.Name":                  ofService,
	"Service.Mode":                  kept,
	"Service.EndpointMode":          kept,
	"Service.Constraints":           ofConstraint,
	"Service.UpdateState":           kept,
	"Service.AgentCA":               asID,
	"Attachment.Aliases":            ofAlias,
	"Task.Service":                  ofService,
	"Task.Desired":                  kept,
	"Task.State":                    kept,
	"Network.Name":                  ofNetwork,
	"Network.Driver":                kept,
	"Network.Scope":                 kept,
	"Engine.ID":                     asID,
	"Engine.Name":                   ofNode,
	"Engine.Version":                kept,
	"Engine.APIVersion":             kept,
	"Engine.KernelVersion":          kept,
	"Engine.OS":                     kept,
	"Engine.Arch":                   kept,
	"Engine.WritesRules":            kept,
	"EngineSwarm.State":             kept,
	"Container.Name":                ofTask,
	"Container.ServiceName":         ofService,
	"Container.TaskName":            ofTask,
	"Container.State":               kept,
	"Container.Health":              kept,
	"Container.NetworkMode":         ofKey,
	"RestingContainer.Name":         ofTask,
	"RestingContainer.Service":      ofService,
	"RestingContainer.State":        kept,
	"RestingContainer.Status":       kept,
	"ContainerEndpoint.NetworkName": ofNetwork,
	"ContainerEndpoint.Aliases":     ofAlias,
	"Peer.Name":                     ofPeer,
	"Endpoint.Key":                  ofKey,
	"Endpoint.Name":                 ofKey,
	"BelievedService.Name":          ofService,
	"BelievedTask.Name":             ofTask,
	"Kernel.Release":                kept,
	"Kernel.Version":                kept,
	"Kernel.Arch":                   kept,
	"Kernel.Vendor":                 kept,
	"Feature.Name":                  kept,
	"NetNS.Name":                    ofSpace,
	"Link.Name":                     ofLink,
	"Link.Kind":                     kept,
	"Link.Driver":                   kept,
	"Link.State":                    kept,
	"OffloadFeature.Name":           kept,
	"NeighbourTable.Name":           kept,
	"Pressure.Resource":             kept,
	"RouteLookup.Err":               kept,
	"Socket.Proto":                  kept,
	"ResolvConf.Source":             kept,
	"ResolvConf.Search":             ofDomain,
	"ResolvConf.Options":            kept,
	"Sysctl.Key":                    ofLink,
	"Counter.Name":                  kept,
	"Counter.Link":                  ofLink,
	"IPVS.Version":                  kept,
	"VirtualService.Family":         kept,
	"VirtualService.Proto":          kept,
	"VirtualService.Scheduler":      kept,
	"RealServer.Forward":            kept,
	"RuleTable.Family":              kept,
	"RuleTable.Name":                kept,
	"Chain.Name":                    kept,
	"Chain.Hook":                    kept,
	"Chain.Type":                    kept,
	"Chain.Device":                  ofLink,
	"Chain.Policy":                  kept,
	"Match.Iface":                   ofLink,
	"Match.States":                  kept,
	"Target.Chain":                  kept,
	"Gap.Node":                      ofNode,
	"Gap.NetNS":                     ofSpace,
	"Source.Node":                   ofNode,
	"Source.NetNS":                  ofSpace,
	"DNSProbe.Name":                 ofDNS,
	"DNSProbe.Names":                ofDNS,
	"DNSProbe.Type":                 kept,
	"DNSProbe.RCode":                kept,
	"PeerProbe.Node":                ofNode,
	"PeerProbe.What":                kept,
	"Flow.Node":                     ofNode,
	"Flow.What":                     kept,
	"DataPathProbe.Node":            ofNode,
	"PublishedProbe.Proto":          kept,
	"PublishedProbe.Host":           ofDNS,
	"PublishedProbe.Path":           ofPath,
	"LogSource.Kind":                kept,
	"Statement.ID":                  kept,
	"Statement.Peer":                ofPeer,
	"Statement.Network":             shortNetwork,
}

// isID tells the identifiers among the string types; the others are words of ours.
func isID(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[NodeID](), reflect.TypeFor[ServiceID](), reflect.TypeFor[TaskID](), reflect.TypeFor[NetworkID](),
		reflect.TypeFor[ContainerID](), reflect.TypeFor[EndpointID]():
		return true
	}
	return false
}

// each visits every string, address and range of addresses below v, with the
// name of its type and field.
func each(v reflect.Value, field string, do func(v reflect.Value, field string)) {
	switch v.Addr().Interface().(type) {
	case *addr, *prefix, *addrPort, *MAC, *AddrRange:
		do(v, field)
		return
	case *time.Time:
		return
	}
	switch v.Kind() {
	case reflect.String:
		do(v, field)
	case reflect.Pointer:
		if !v.IsNil() {
			each(v.Elem(), field, do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), field, do)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), v.Type().Name()+"."+v.Type().Field(i).Name, do)
		}
	}
}

// own makes everything below v a copy of its own.
func own(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(v.Elem())
			v.Set(p)
			own(p.Elem())
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		v.Set(c)
		for i := range c.Len() {
			own(c.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				own(f)
			}
		}
	}
}
