package lab

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// diagnosticPort is where a peer's engine serves libnetwork's diagnostics while a fault lasts, on 127.0.0.1 only.
const diagnosticPort = 3999

// createGhost makes the peer's engine tell all others of a task that is not there, and waits until the drawn node's
// resolver leads to it.
func (l *Lab) createGhost(ctx context.Context, d *Draw, ghost netip.Addr, value string) error {
	id, err := l.NetworkID(ctx, d.Network)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%064x", time.Now().UnixNano()) // not drawn: a deleted key stays taken for half an hour
	entry := fmt.Sprintf("nid=%s&tname=endpoint_table&key=%s", id, key)
	for k, v := range map[string]string{"entry": entry, "ghost": ghost.String()} {
		if err := d.Note(k, v); err != nil {
			return err
		}
	}
	if err := l.serveDiagnostics(ctx, d.Peer, true); err != nil {
		return err
	}
	if err := l.diagnostics(ctx, d.Peer, "createentry?"+entry+"&value="+value); err != nil {
		return err
	}
	return l.expectGhost(ctx, d, ghost, true)
}

// deleteGhost undoes createGhost, as far as gossip goes.
func (l *Lab) deleteGhost(ctx context.Context, d *Draw) error {
	if err := l.serveDiagnostics(ctx, d.Peer, true); err != nil {
		return err
	}
	_ = l.diagnostics(ctx, d.Peer, "deleteentry?"+d.Notes["entry"]) // an entry that is not there is no error
	return l.serveDiagnostics(ctx, d.Peer, false)
}

// ghostRecord is a record of a former task of the drawn backend's service, as engines gossip it (libnetwork's
// EndpointRecord, the same from 20.10 to 29): its address, and the record as a query wants it. next is 1 for another
// address of the same task.
func (l *Lab) ghostRecord(ctx context.Context, d *Draw, next byte) (netip.Addr, string, error) {
	service, err := l.service(ctx, d.PeerTask.Service)
	if err != nil {
		return netip.Addr{}, "", err
	}
	at := d.target().Addr().As4()
	at[3] = byte(200+d.Seed%50&^1) + next // the engine gives out low addresses first
	ghost := netip.AddrFrom4(at)
	name := fmt.Sprintf("%s.%d.%025x", d.PeerTask.Service, d.PeerTask.Slot, uint64(d.Seed)^0x9e3779b97f4a7c15)
	var record []byte
	for field, text := range map[byte]string{1: name, 2: d.PeerTask.Service, 3: service.ID, 4: "<nil>", 5: ghost.String()} {
		record = append(append(record, field<<3|2, byte(len(text))), text...)
	}
	return ghost, url.QueryEscape(base64.StdEncoding.EncodeToString(record)), nil
}

// expectGhost waits until the drawn frontend does, or does not, resolve the backend's name to that address.
func (l *Lab) expectGhost(ctx context.Context, d *Draw, ghost netip.Addr, want bool) error {
	name := "tasks." + d.PeerTask.Service
	what := fmt.Sprintf("%s to resolve %s with %s: %v", d.Task.Name, name, ghost, want)
	return poll(ctx, 15*time.Second, what, func() (bool, error) {
		found, err := l.Resolve(ctx, d.Task, name)
		return err == nil && slices.Contains(found, ghost) == want, err
	})
}

// serveDiagnostics makes an engine start or end its diagnostic server, which listens on 127.0.0.1 only.
func (l *Lab) serveDiagnostics(ctx context.Context, node string, on bool) error {
	config, ready := "rm -f /etc/docker/daemon.json", "!"
	if on {
		config, ready = fmt.Sprintf(`mkdir -p /etc/docker; echo '{"network-diagnostic-port": %d}' >/etc/docker/daemon.json`, diagnosticPort), ""
	}
	if _, err := l.Exec(ctx, node, "sh", "-ec", config); err != nil {
		return err
	}
	if err := l.SignalEngine(ctx, node, "HUP"); err != nil {
		return err
	}
	return poll(ctx, 5*time.Second, "the diagnostic server of "+node, func() (bool, error) {
		_, err := l.Exec(ctx, node, "sh", "-c", fmt.Sprintf("%s curl -sS -m 2 http://127.0.0.1:%d/ready", ready, diagnosticPort))
		return err == nil, err
	})
}

func (l *Lab) diagnostics(ctx context.Context, node, query string) error {
	out, err := l.Exec(ctx, node, "curl", "-sS", "-m", "5", fmt.Sprintf("http://127.0.0.1:%d/%s", diagnosticPort, query))
	if err == nil && !strings.HasPrefix(out, "OK") {
		err = fmt.Errorf("diagnostic server of %s: %s", node, out)
	}
	return err
}
