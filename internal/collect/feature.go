package collect

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"fairway/internal/fact"
)

// kernelFeatures are what a Swarm needs of a kernel and where each shows itself.
var kernelFeatures = []struct {
	// name is the fact's and the module's.
	name string
	// config is its option, without CONFIG_.
	config string
	// proof is a path that exists exactly where the feature works; empty: none.
	proof string
}{
	{"bridge", "BRIDGE", ""},
	{"br_netfilter", "BRIDGE_NETFILTER", "proc/sys/net/bridge"},
	{"esp4", "INET_ESP", ""},
	{"ip_vs", "IP_VS", "proc/net/ip_vs"},
	{"ip_vs_rr", "IP_VS_RR", ""},
	{"nf_conntrack", "NF_CONNTRACK", "proc/sys/net/netfilter/nf_conntrack_max"},
	{"nf_nat", "NF_NAT", ""},
	{"nf_tables", "NF_TABLES", ""},
	{"veth", "VETH", ""},
	{"vxlan", "VXLAN", ""},
	{"xfrm_user", "XFRM_USER", ""},
	{"xt_bpf", "NETFILTER_XT_MATCH_BPF", ""},
	{"xt_ipvs", "NETFILTER_XT_MATCH_IPVS", ""},
	{"xt_u32", "NETFILTER_XT_MATCH_U32", ""},
}

// features tells of each feature whether it is there or could be loaded. Where
// nothing can tell, the feature is not listed. The root is the host's.
func features(root fs.FS, m *modules) []fact.Feature {
	var out []fact.Feature
	for _, k := range kernelFeatures {
		f := fact.Feature{Name: k.name}
		known := true
		if k.proof != "" {
			f.Present = exists(root, k.proof)
		} else {
			f.Present, known = m.present(k.name, k.config)
		}
		f.Loadable = !f.Present && m.loadable(k.name)
		if known {
			out = append(out, f)
		}
	}
	return out
}

// modules is what is known of the running kernel's parts. Built-in ones are in
// neither /proc/modules nor always in /sys/module.
type modules struct {
	root fs.FS
	// builtin and files are lists of paths below /lib/modules/RELEASE; nil when
	// they cannot be read.
	builtin, files []byte
	// config holds the options of /proc/config.gz; nil when it is not there.
	config map[string]string
	// symbols are the words of /proc/kallsyms that were looked for; nil until
	// nothing else could tell.
	symbols map[string]bool
	// listed: they were read to the end.
	listed bool
}

func readModules(root fs.FS, release string) *modules {
	dir := path.Join("lib/modules", release)
	m := &modules{root: root}
	m.builtin, _ = fs.ReadFile(root, path.Join(dir, "modules.builtin"))
	m.files, _ = fs.ReadFile(root, path.Join(dir, "modules.dep"))
	if f, err := root.Open("proc/config.gz"); err == nil {
		m.config, _ = kernelConfig(f)
		f.Close()
	}
	return m
}

// present reports whether the kernel has a part now, and whether that is known.
func (m *modules) present(name, config string) (present, known bool) {
	switch {
	case exists(m.root, "sys/module/"+name), listed(m.builtin, name):
		return true, true
	case m.config != nil:
		return m.config[config] == "y", true
	}
	return false, m.builtin != nil
}

// loadable reports whether a module of that name lies ready.
func (m *modules) loadable(name string) bool { return listed(m.files, name) }

// listed looks for a module in modules.builtin or modules.dep. File names may
// have a dash where the module's name has an underscore.
func listed(list []byte, name string) bool {
	return bytes.Contains(list, []byte("/"+name+".ko")) ||
		bytes.Contains(list, []byte("/"+strings.ReplaceAll(name, "_", "-")+".ko"))
}

// diagnosis reports for TCP and UDP whether the kernel has socket diagnosis
// already. What nobody can tell counts as absent, because asking for it would
// load a module.
func (m *modules) diagnosis() diagGate {
	has := func(name, config string) bool {
		present, known := m.present(name, config)
		if !known {
			present, _ = m.symbol(name)
		}
		return present
	}
	inet := has("inet_diag", "INET_DIAG")
	return diagGate{tcp: inet && has("tcp_diag", "INET_TCP_DIAG"), udp: inet && has("udp_diag", "INET_UDP_DIAG")}
}

// nfTables reports whether the kernel has nf_tables already, and whether that is
// known: asking for its rules would load it.
func (m *modules) nfTables() (present, known bool) {
	if present, known = m.present("nf_tables", "NF_TABLES"); !known {
		present, known = m.symbol("nf_tables")
	}
	return present, known
}

// conntrack reports whether conntrack may be asked by netlink without loading
// anything; the engine itself needs that, so it is there where an engine runs.
func (m *modules) conntrack() bool {
	present, known := m.present("nf_conntrack_netlink", "NF_CT_NETLINK")
	if !known {
		present, _ = m.symbol("nf_conntrack_netlink")
	}
	return present
}

// diagGate says for which protocols socket diagnosis may be asked.
type diagGate struct{ tcp, udp bool }

// diagSymbols are functions that exist where a part does; seen in 4.19 to 6.18
// (nft_do_chain in 6.1 and 6.18).
var diagSymbols = map[string]string{
	"inet_diag_handler_cmd": "inet_diag",
	"tcp_diag_dump":         "tcp_diag",
	"udp_diag_dump":         "udp_diag",
	"nft_do_chain":          "nf_tables",
	"ctnetlink_dump_table":  "nf_conntrack_netlink",
}

// symbol looks a part up in /proc/kallsyms, which takes the kernel some 40 ms to
// write, so only where nothing else can tell. Without that file nobody knows.
func (m *modules) symbol(part string) (present, known bool) {
	if m.symbols == nil {
		m.symbols = make(map[string]bool)
		if f, err := m.root.Open("proc/kallsyms"); err == nil {
			defer f.Close()
			m.listed = findSymbols(f, m.symbols) == nil
		}
	}
	return m.symbols[part], m.symbols[part] || m.listed
}

// findSymbols reads "ffffffff82099ca0 t tcp_diag_dump" lines.
func findSymbols(r io.Reader, found map[string]bool) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(found) < len(diagSymbols) {
		f := bytes.Fields(lines.Bytes())
		if len(f) < 3 {
			continue
		}
		if part, ok := diagSymbols[string(f[2])]; ok {
			found[part] = true
		}
	}
	return lines.Err()
}

// maxConfig bounds the unpacked configuration; a distribution's has 300 KB.
const maxConfig = 4 << 20

// kernelConfig reads /proc/config.gz: "CONFIG_VXLAN=m" and comments.
func kernelConfig(r io.Reader) (map[string]string, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read the kernel's configuration: %w", err)
	}
	out := make(map[string]string)
	lines := bufio.NewScanner(io.LimitReader(z, maxConfig))
	for lines.Scan() {
		if k, v, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "CONFIG_"), "="); ok {
			out[k] = v
		}
	}
	return out, lines.Err()
}

// bootTime reads btime of /proc/stat: seconds since 1970.
func bootTime(stat []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(stat, []byte("\nbtime "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	sec, err := strconv.ParseInt(string(line), 10, 64)
	if !ok || err != nil {
		return time.Time{}, false
	}
	return time.Unix(sec, 0).UTC(), true
}

func exists(root fs.FS, path string) bool {
	_, err := fs.Stat(root, path)
	return err == nil
}
