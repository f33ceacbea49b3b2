package nft

import (
	"fmt"
	"strings"

	"fairway/internal/fact"
)

// annotated is a file of rules with what they read as behind each.
func annotated(file string, nf *fact.Netfilter) string {
	var out strings.Builder
	var table *fact.RuleTable
	var chain *fact.Chain
	number := 0
	for line := range strings.Lines(file) {
		words := strings.Fields(line)
		if len(words) > 0 && words[0] == "#=" {
			continue
		}
		out.WriteString(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "table":
			table = nf.Table(fact.NFTables, words[1], words[2])
		case words[0] == "chain":
			chain, number = table.Chain(words[1]), 0
		case words[0] == "}":
			chain = nil
		case words[0] == "type" && chain != nil:
			fmt.Fprintf(&out, "\t\t#= %s %s %d %s %s\n", chain.Type, chain.Hook, chain.Priority, chain.Policy, chain.Device)
		case chain != nil:
			number++
			annotate(&out, chain, number)
		}
	}
	return out.String()
}

func annotate(out *strings.Builder, c *fact.Chain, number int) {
	for _, r := range c.Rules {
		if r.Number != number {
			continue
		}
		counted := map[bool]string{true: " (counted)"}[r.Hits.Counted]
		fmt.Fprintf(out, "\t\t#= %s%s\n", strings.TrimPrefix(r.Line(""), "-A "), counted)
	}
}
