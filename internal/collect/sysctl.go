//go:build linux

package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"fairway/internal/fact"
)

// The settings that are read, by whose namespace it is. What a kernel or a
// namespace does not have is simply not listed. Which of them the engine sets
// is in its osl/kernel knobs and overlay ostweaks (libnetwork, 17.06 and later).
var (
	sysctlsAll = []string{
		"net.core.somaxconn",
		"net.ipv4.conf.all.arp_announce",
		"net.ipv4.conf.all.arp_ignore",
		"net.ipv4.conf.all.rp_filter",
		"net.ipv4.icmp_echo_ignore_all",
		"net.ipv4.ip_forward",
		"net.ipv4.ip_local_port_range",
		"net.ipv4.tcp_keepalive_time",
		"net.ipv6.bindv6only",
		"net.ipv6.conf.all.disable_ipv6",
		"net.netfilter.nf_conntrack_count",
		"net.netfilter.nf_conntrack_max",
	}
	sysctlsHost = []string{
		"net.bridge.bridge-nf-call-ip6tables",
		"net.bridge.bridge-nf-call-iptables",
		"net.ipv4.conf.all.forwarding",
		"net.ipv4.conf.all.route_localnet",
		"net.ipv4.ip_no_pmtu_disc",
		"net.ipv4.neigh.default.gc_thresh1",
		"net.ipv4.neigh.default.gc_thresh2",
		"net.ipv4.neigh.default.gc_thresh3",
		"net.ipv4.tcp_mtu_probing",
		"net.ipv4.tcp_syncookies",
		"net.ipv6.conf.all.forwarding",
		"net.netfilter.nf_conntrack_buckets",
		"net.netfilter.nf_conntrack_tcp_be_liberal",
		"net.netfilter.nf_conntrack_tcp_timeout_established",
	}
	// sysctlsVS tune IPVS and conntrack; their values count where the balancer is.
	sysctlsVS = []string{
		"net.ipv4.vs.conn_reuse_mode",
		"net.ipv4.vs.conntrack",
		"net.ipv4.vs.expire_nodest_conn",
		"net.ipv4.vs.expire_quiescent_template",
		"net.ipv4.vs.sloppy_tcp",
		"net.netfilter.nf_conntrack_tcp_be_liberal",
	}
	// sysctlsLink are read below net.ipv4.conf for each interface that matters.
	sysctlsLink = []string{"arp_announce", "arp_ignore", "forwarding", "route_localnet", "rp_filter"}
)

const procSys = "/proc/sys/"

// linkConfDir has one folder per interface of the namespace it is read in.
const linkConfDir = procSys + "net/ipv4/conf/"

// sysctlFiles lists what to read in a namespace. It must run inside, because
// the interfaces' settings are found by their folders.
func sysctlFiles(role fact.NSRole) []string {
	var keys []string
	switch role {
	case fact.RoleOverlay:
		return nil // nothing is routed there
	case fact.RoleHost:
		keys = slices.Concat(sysctlsAll, sysctlsHost)
	case fact.RoleLB, fact.RoleIngress:
		keys = slices.Concat(sysctlsAll, sysctlsVS)
	default:
		keys = sysctlsAll
	}
	var files []string
	for _, k := range keys {
		files = append(files, procSys+strings.ReplaceAll(k, ".", "/"))
	}
	dirs, _ := os.ReadDir(linkConfDir)
	for _, d := range dirs {
		// A host has a veth for every container; nothing is set on them.
		if d.Name() == "all" || d.Name() == "default" || strings.HasPrefix(d.Name(), "veth") {
			continue
		}
		for _, k := range sysctlsLink {
			files = append(files, linkConfDir+d.Name()+"/"+k)
		}
	}
	return files
}

// readSysctls keeps the settings that were there.
func (s *space) readSysctls() error {
	var failed []error
	for path, t := range s.texts {
		file, ok := strings.CutPrefix(path, procSys)
		switch {
		case !ok, errors.Is(t.err, fs.ErrNotExist):
		case t.err != nil:
			failed = append(failed, t.err)
		default:
			s.held.Sysctls = append(s.held.Sysctls, fact.Sysctl{Key: sysctlKey(file), Value: sysctlValue(t.data)})
		}
	}
	slices.SortFunc(s.held.Sysctls, func(a, b fact.Sysctl) int { return strings.Compare(a.Key, b.Key) })
	if len(failed) > 0 {
		return fmt.Errorf("%d settings, the first: %w", len(failed), failed[0])
	}
	return nil
}

// sysctlKey gives the dotted form. Like sysctl(8) it writes a dot within an
// interface's name as a slash: "net.ipv4.conf.eth0/7.rp_filter".
func sysctlKey(file string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/':
			return '.'
		case '.':
			return '/'
		}
		return r
	}, file)
}

// sysctlValue is a setting on one line, numbers separated by one space.
func sysctlValue(b []byte) string {
	return strings.Join(strings.Fields(string(b[:min(len(b), 4096)])), " ")
}
