package render

import (
	"fmt"
	"strings"

	"fairway/internal/check"
	"fairway/internal/fact"
)

// costs: what a relief disturbs may take the evidence with it. A restarted
// engine takes its tasks, and what it believed.
func costs(c *check.Cause) bool { return c.Relief != "" && c.Impact != check.ImpactNone }

// again is the command that asks the same question and saves what it saw.
func again(q *check.Question) string {
	if q.To == "" && q.Published == 0 {
		return "fairway collect -o case.fairway"
	}
	args := []string{"fairway", "diagnose"}
	if q.Published != 0 {
		args = append(args, port("", q.Published, q.PublishedProto))
	}
	if q.From != "" {
		args = append(args, q.From)
	}
	if q.To != "" && (q.Port != 0 || q.Proto != "tcp") {
		args = append(args, port(q.To, q.Port, q.Proto))
	} else if q.To != "" {
		args = append(args, q.To)
	}
	for _, f := range []struct{ flag, value string }{{"--node", q.Node}, {"--hostname", q.Hostname}, {"--path", q.Path}} {
		if f.value != "" {
			args = append(args, f.flag, f.value)
		}
	}
	if q.Status != 0 {
		args = append(args, "--expect-status", fmt.Sprint(q.Status))
	}
	args = append(args, "--save", "case.fairway")
	for i, a := range args {
		args[i] = fact.Quoted(a)
	}
	return strings.Join(args, " ")
}

// port is a target as it is typed; 0 is no port, "" and "tcp" need no word.
func port(name string, n uint16, proto string) string {
	if n != 0 && strings.Contains(name, ":") { // an IPv6 address
		name = "[" + name + "]"
	}
	if n != 0 {
		name += fmt.Sprintf(":%d", n)
	}
	if proto != "" && proto != "tcp" {
		name += "/" + proto
	}
	return name
}
