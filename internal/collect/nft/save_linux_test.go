package nft

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/fact"
)

// synonyms are what iptables-save spells differently from fairway, and means the
// same.
var synonyms = strings.NewReplacer(
	"CT --notrack", "NOTRACK",
	"-m state --state", "-m conntrack --ctstate",
	"-m multiport --sports 53 ", "-m udp --sport 53 ",
	"-p tcp -m tcp -j", "-p tcp -j",
	`--limit 100/sec -j NFLOG --nflog-prefix "[flog] " --nflog-group 5`, `--limit 100/sec --limit-burst 5 -j LOG --log-prefix "[flog] "`,
	"-m addrtype --src-type UNICAST -m addrtype", "-m addrtype --src-type UNICAST",
)

// TestAgainstSave compares what is read with what iptables-nft-save -c says, rule
// by rule, as text. Rules with something opaque only need to be there.
func TestAgainstSave(t *testing.T) {
	for _, v := range []struct{ file, command string }{
		{"iptables4.rules", "iptables"}, {"iptables6.rules", "ip6tables"},
	} {
		t.Run(v.command, func(t *testing.T) {
			inOwnNamespace(t, v.command+"-nft-restore", v.command+"-nft-save", v.command+"-legacy")
			run(t, available(t, v.file, v.command), v.command+"-nft-restore", "-c")
			set, bin := recorded(t)
			if os.Getenv("RECORD") != "" {
				record(t, "testdata/"+v.command+".bin", bin)
			}
			nf := fact.Netfilter{Tables: set.Tables}
			for i := range nf.Tables {
				table := &nf.Tables[i]
				got, unsure := saved(table)
				var want []string
				for line := range strings.Lines(run(t, "", v.command+"-nft-save", "-c", "-t", table.Name)) {
					if line = strings.TrimSpace(line); line != "" && !strings.ContainsAny(line[:1], "#*C") {
						want = append(want, synonyms.Replace(line))
					}
				}
				for i := range min(len(want), len(got)) {
					if unsure[i] && strings.Split(want[i], " ")[0] == strings.Split(got[i], " ")[0] {
						want[i] = got[i]
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s-nft-save -, fairway +:\n%s", table.Name, v.command, diff)
				}
			}
		})
	}
}

// saved spells a table as iptables-save -c does, and says which lines have
// something for which there is no such spelling.
func saved(table *fact.RuleTable) (lines []string, unsure []bool) {
	for _, c := range table.Chains {
		policy := "-"
		if c.Policy != "" {
			policy = strings.ToUpper(c.Policy)
		}
		lines = append(lines, fmt.Sprintf(":%s %s [%d:%d]", c.Name, policy, c.Hits.Packets, c.Hits.Bytes))
	}
	unsure = make([]bool, len(lines))
	for _, c := range table.Chains {
		for _, r := range c.Rules {
			lines = append(lines, fmt.Sprintf("[%d:%d] %s", r.Hits.Packets, r.Hits.Bytes, r.Line(c.Name)))
			unsure = append(unsure, isOpaque(r))
		}
	}
	return lines, unsure
}

func isOpaque(r fact.Rule) bool {
	for _, m := range r.Matches {
		if m.Kind == fact.MatchOpaque || m.Kind == fact.MatchVNI {
			return true
		}
	}
	return r.Target.Kind == fact.TargetOpaque
}
