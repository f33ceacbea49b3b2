package lab

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/moby/moby/api/types/swarm"
)

// vipDisagreement tells of a task of a service that has none yet, with another virtual IP than the managers gave the service:
// engines keep the one they hear first.
func vipDisagreement() Fault {
	return Fault{
		ID:     "vip-disagreement",
		Doc:    "gossip told nodes another virtual IP of a service before the managers' own",
		Layer:  "L",
		Kernel: needsIPVS,
		Break: func(ctx context.Context, l *Lab, d *Draw) error {
			s := l.extraService("api", d.Peer, []string{d.Network}, "-http", ":8080")
			none := uint64(0)
			s.Mode.Replicated.Replicas = &none
			if err := l.CreateService(ctx, s); err != nil {
				return err
			}
			var ip netip.Addr
			if err := poll(ctx, 10*time.Second, "a virtual IP of "+s.Name, func() (ok bool, err error) {
				ip, err = l.vip(ctx, s.Name, d.Network)
				return err == nil, err
			}); err != nil {
				return err
			}
			ghost, value, err := l.foreignVIP(ctx, s.Name, ip)
			if err != nil {
				return err
			}
			if err := l.tellGhost(ctx, d, ghost, value); err != nil {
				return err
			}
			if err := poll(ctx, 15*time.Second, d.Node+" to serve the other address", func() (bool, error) {
				found, err := l.Resolve(ctx, d.Task, s.Name)
				return err == nil && len(found) == 1 && found[0] != ip, err
			}); err != nil {
				return err
			}
			if err := l.UpdateService(ctx, s.Name, func(s *swarm.ServiceSpec) { *s.Mode.Replicated.Replicas = 1 }); err != nil {
				return err
			}
			if _, err := l.waitTask(ctx, s.Name, "runs", func(t swarm.Task) bool { return t.Status.State == swarm.TaskStateRunning }); err != nil {
				return err
			}
			if _, err := l.expectNames(ctx, d.Task, "tasks."+s.Name, 2); err != nil {
				return err
			}
			if err := l.diagnostics(ctx, d.Peer, "deleteentry?"+d.Notes["entry"]); err != nil {
				return err
			}
			if _, err := l.expectNames(ctx, d.Task, "tasks."+s.Name, 1); err != nil {
				return err
			}
			return l.expectConnect(ctx, d.Task, netip.AddrPortFrom(ip, uint16(d.Port)), 10*time.Second, Unreachable, Timeout)
		},
		Heal: func(ctx context.Context, l *Lab, d *Draw) error {
			var gone error
			if d.Notes["entry"] != "" {
				gone = l.deleteGhost(ctx, d)
			}
			return errors.Join(gone, l.removeExtras(ctx))
		},
		Want: func(_ *Lab, d *Draw) Want {
			return d.askExtra("api", Cause{ID: "vip-disagreement", Network: d.Network, Kind: "service", Name: extra + "api"})
		},
	}
}

// foreignVIP is a record of a task with another virtual IP of its service, as ghostRecord makes it: the task's address, and
// the record as a query wants it.
func (l *Lab) foreignVIP(ctx context.Context, service string, ip netip.Addr) (netip.Addr, string, error) {
	s, err := l.service(ctx, service)
	if err != nil {
		return netip.Addr{}, "", err
	}
	at := ip.As4()
	at[3] = 241
	ghost := netip.AddrFrom4(at)
	at[3] = 242
	name := fmt.Sprintf("%s.1.%025x", service, uint64(time.Now().UnixNano()))
	var record []byte
	for field, text := range map[byte]string{1: name, 2: service, 3: s.ID, 4: netip.AddrFrom4(at).String(), 5: ghost.String()} {
		record = append(append(record, field<<3|2, byte(len(text))), text...)
	}
	return ghost, url.QueryEscape(base64.StdEncoding.EncodeToString(record)), nil
}

// tellGhost is createGhost without waiting for the usual service's name.
func (l *Lab) tellGhost(ctx context.Context, d *Draw, ghost netip.Addr, value string) error {
	id, err := l.NetworkID(ctx, d.Network)
	if err != nil {
		return err
	}
	entry := fmt.Sprintf("nid=%s&tname=endpoint_table&key=%064x", id, time.Now().UnixNano())
	for k, v := range map[string]string{"entry": entry, "ghost": ghost.String()} {
		if err := d.Note(k, v); err != nil {
			return err
		}
	}
	if err := l.serveDiagnostics(ctx, d.Peer, true); err != nil {
		return err
	}
	return l.diagnostics(ctx, d.Peer, "createentry?"+entry+"&value="+value)
}
