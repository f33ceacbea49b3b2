package collect

import (
	"path"
	"strings"

	"fairway/internal/fact"
)

// handleLen is where the engine cuts the names of its handles (libnetwork's
// osl.GenerateKey, all versions).
const handleLen = 12

// role says whose namespace a handle of that file name is.
func (r *KernelRequest) role(name string) (fact.NSRole, fact.NetworkID) {
	if r.Engine == nil {
		return fact.RoleOther, ""
	}
	if name == "ingress_sbox" {
		for i := range r.Engine.Networks {
			if r.Engine.Networks[i].Ingress {
				return fact.RoleIngress, r.Engine.Networks[i].ID
			}
		}
		return fact.RoleIngress, ""
	}
	for i := range r.Engine.Networks {
		id := string(r.Engine.Networks[i].ID)
		if name == cut("lb_"+id) {
			return fact.RoleLB, r.Engine.Networks[i].ID
		}
		if epoch, _, ok := strings.Cut(name, "-"); ok && isNumber(epoch) && name == cut(epoch+"-"+id) {
			return fact.RoleOverlay, r.Engine.Networks[i].ID
		}
	}
	if len(r.inside(name)) > 0 {
		return fact.RoleContainer, ""
	}
	return fact.RoleOther, ""
}

// inside lists the containers that live in the namespace of that handle: its
// own, and those that joined it with network mode "container:…".
func (r *KernelRequest) inside(name string) []fact.ContainerID {
	var own, joined []fact.ContainerID
	for i := range r.Engine.Containers {
		if c := &r.Engine.Containers[i]; c.SandboxKey != "" && path.Base(c.SandboxKey) == name {
			own = append(own, c.ID)
		}
	}
	for i := range r.Engine.Containers {
		c := &r.Engine.Containers[i]
		to, ok := strings.CutPrefix(c.NetworkMode, "container:")
		if !ok || c.SandboxKey != "" {
			continue
		}
		for _, id := range own {
			if to == string(id) || to == r.Engine.Container(id).Name {
				joined = append(joined, c.ID)
			}
		}
	}
	return append(own, joined...)
}

func cut(name string) string { return name[:min(len(name), handleLen)] }

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
