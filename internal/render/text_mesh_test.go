package render_test

import (
	"testing"
	"time"

	"fairway/internal/check"
	"fairway/internal/expect"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

// meshAsked is a question to a healthy routing mesh, every request answered well
// but for what change makes of it.
func meshAsked(t *testing.T, q fact.Question, change func(*fact.PublishedProbe)) *fact.Snapshot {
	t.Helper()
	s := facttest.Mesh()
	s.Question = q
	sc, err := expect.Resolve(s)
	if err != nil {
		t.Fatal(err)
	}
	plan := expect.Mesh(s, &sc)
	if q.Published != 0 {
		s.Seen.TCP, s.Seen.DNS, s.Seen.MTU = nil, nil, nil
	}
	s.Seen.Published = plan
	for i := range s.Seen.Published {
		p := &s.Seen.Published[i]
		for range p.Count {
			r := fact.Request{Outcome: fact.Open, Connect: 200 * time.Microsecond, Took: time.Millisecond, At: facttest.Taken}
			if p.Proto == "http" {
				r.Status = 200
			}
			p.Requests = append(p.Requests, r)
		}
		change(p)
	}
	return s
}

// ended makes every request end so.
func ended(p *fact.PublishedProbe, o fact.Outcome, word string) {
	for i := range p.Requests {
		p.Requests[i] = fact.Request{Outcome: o, Err: word, At: facttest.Taken}
	}
}

// meshScenarios are what a page about published ports and virtual IPs may show,
// with one made-up check each, so that goldens change only when the look does.
func meshScenarios(t *testing.T) map[string]*check.Report {
	dropped := made("ingress-forward-dropped", check.Finding{Certainty: check.Proof, Probed: true, Node: "n2", Network: facttest.Ingress,
		Subject: check.Subject{Kind: "node", ID: string(facttest.Node(2)), Name: "n2"}, Nodes: []fact.NodeID{facttest.Node(2)},
		Message:  "a rule of n2 drops requests to port 8080 on their way to the ingress sandbox",
		Evidence: []check.Evidence{{Where: "n2: FORWARD", Want: "accepted", Got: "-A DOCKER-USER -o docker_gwbridge -j DROP (hit by 12 packets, 6 more while asked)"}},
		Confirm:  "on n2: iptables -S DOCKER-USER", Relief: "on n2: iptables -D DOCKER-USER -o docker_gwbridge -j DROP", Impact: check.ImpactNone, Fix: "Keep that rule out."})
	lost := made("ipvs-dest-stale", check.Finding{Certainty: check.Proof, Probed: true, Node: "n2", Network: facttest.App,
		Subject: check.Subject{Kind: "node", ID: string(facttest.Node(2)), Name: "n2"}, Nodes: []fact.NodeID{facttest.Node(2)},
		Message:  "the load balancer of app on n2 sends connections of api to 10.0.1.77, which is no task of it",
		Evidence: []check.Evidence{{Where: "n2: lb_netapp000: backends of FWM 277", Want: "10.0.1.21, 10.0.1.22, 10.0.1.23", Got: "10.0.1.77, too"}},
		Confirm:  "on n2: nsenter --net=/var/run/docker/netns/lb_netapp000 ipvsadm -Ln", Relief: "on n2: nsenter --net=/var/run/docker/netns/lb_netapp000 ipvsadm -d -f 277 -r 10.0.1.77:0",
		Impact: check.ImpactNone, Fix: "Upgrade the engine."})
	lost.Claims = func(*fact.TCPProbe) bool { return true }
	out := map[string]*check.Report{}
	for name, row := range map[string]struct {
		q      fact.Question
		change func(*fact.PublishedProbe)
		check  *check.Check
	}{
		"mesh-healthy": {fact.Question{Published: 8080}, func(*fact.PublishedProbe) {}, made("ingress-forward-dropped")},
		"mesh-one-bad-node": {fact.Question{Published: 8080, HTTP: &fact.HTTPQuestion{Host: "myapp.example.com", Path: "/health", Expect: 200}}, func(p *fact.PublishedProbe) {
			if p.Stage == fact.StageNode && p.Node == facttest.Node(2) {
				ended(p, fact.Timeout, "")
			}
		}, dropped},
		"mesh-bad-servers": {fact.Question{Published: 8080, HTTP: &fact.HTTPQuestion{Host: "myapp.example.com", TLS: true}}, badServers, made("ingress-forward-dropped")},
		"mesh-virtual-ip": {fact.Question{From: "web", To: "api", Port: 8080, Proto: "tcp"}, func(p *fact.PublishedProbe) {
			if p.Stage == fact.StageVIP && p.From.Node == "n2" {
				p.Requests[1] = fact.Request{Outcome: fact.Timeout, At: facttest.Taken}
				p.Requests[4] = fact.Request{Outcome: fact.Refused, Err: "connection refused", At: facttest.Taken}
			}
		}, lost},
	} {
		out[name] = report(t, meshAsked(t, row.q, row.change), []*check.Check{row.check})
	}
	return out
}

// badServers answers as the probe of HTTP says it: never, with headers without
// end, with a redirect (never followed) under a certificate for another name.
func badServers(p *fact.PublishedProbe) {
	if p.Stage != fact.StageNode && p.Stage != fact.StageSelf {
		return
	}
	switch p.Node {
	case facttest.Node(1):
		ended(p, fact.Timeout, "connected, and no answer within 3s")
	case facttest.Node(2):
		ended(p, fact.Open, "the head of its answer is longer than 64 KiB")
	default:
		for i := range p.Requests {
			p.Requests[i].Status, p.Requests[i].Note = 302, "its certificate is not for myapp.example.com: x509: certificate is valid for example.com, not myapp.example.com"
		}
	}
}

// made is a check that finds what it is told to.
func made(id string, found ...check.Finding) *check.Check {
	return &check.Check{ID: id, Title: "made up for a golden", Needs: []fact.Kind{fact.KindSwarm}, Run: func(*check.In) []check.Finding { return found }}
}

func TestMeshGoldens(t *testing.T) {
	for name, r := range meshScenarios(t) {
		t.Run(name, func(t *testing.T) {
			page := text(t, r, render.Options{})
			fits(t, string(page), 80, commands(r))
			golden(t, name+".txt", page)
			golden(t, name+"-colour.txt", text(t, r, render.Options{Colour: true}))
		})
	}
}
