package collect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"fairway/internal/fact"
)

// resolvConfs reads the resolv.conf of the containers asked for into their
// namespaces.
func (r *KernelRequest) resolvConfs(ctx context.Context, k *fact.Kernel) []fact.Gap {
	var gaps []fact.Gap
	for _, id := range r.Resolv {
		ns := k.Sandbox(id)
		switch {
		case ns == nil:
			gaps = append(gaps, r.noResolv("", id, fmt.Errorf("its namespace was not read: %w", fs.ErrNotExist)))
		case ns.Resolv == nil: // else it was read for another container in there
			conf, err := r.resolvConf(ctx, id)
			if err != nil {
				gaps = append(gaps, r.noResolv(ns.Name, id, err))
			}
			ns.Resolv = conf
		}
	}
	return gaps
}

func (r *KernelRequest) noResolv(ns string, id fact.ContainerID, err error) fact.Gap {
	return r.gap(fact.KindResolv, ns, fmt.Errorf("read resolv.conf of container %.12s: %w", id, err))
}

// resolvConf reads what the container sees as /etc/resolv.conf. The engine
// mounts a file of the host there, which root can read; where something else is
// mounted over it, or the file is out of reach, only the engine can tell.
func (r *KernelRequest) resolvConf(ctx context.Context, id fact.ContainerID) (*fact.ResolvConf, error) {
	var out error
	if c := r.Engine.Container(id); c != nil && c.ResolvConfPath != "" && !c.ResolvConfMount {
		b, err := readFile(c.ResolvConfPath)
		if err == nil {
			conf := parseResolvConf(b)
			conf.Source = "file"
			return conf, nil
		}
		out = err
	}
	if r.Archive == nil {
		return nil, errors.Join(out, errors.New("and no engine to ask for it"))
	}
	b, err := r.Archive(ctx, id, "/etc/resolv.conf")
	if err != nil {
		return nil, errors.Join(out, err)
	}
	conf := parseResolvConf(b)
	conf.Source = "archive"
	return conf, nil
}

// readFile reads a small file; what is beyond maxFile is left.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// parseResolvConf reads a resolv.conf as resolv.conf(5) says: the last search
// or domain line counts, options add up. The engine (25.0 and later) notes the
// servers it forwards to in a comment: "# ExtServers: [host(127.0.0.53) 9.9.9.9]".
func parseResolvConf(b []byte) *fact.ResolvConf {
	var c fact.ResolvConf
	lines := bufio.NewScanner(bytes.NewReader(b[:min(len(b), maxFile)]))
	lines.Buffer(nil, maxFile+1)
	for lines.Scan() {
		if list, ok := strings.CutPrefix(lines.Text(), "# ExtServers: "); ok {
			c.Upstream = externals(list)
			continue
		}
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil {
				c.Nameservers = append(c.Nameservers, a)
			}
		case "search", "domain":
			c.Search = f[1:]
		case "options":
			c.Options = append(c.Options, f[1:]...)
		}
	}
	return &c
}

// externals reads "[host(127.0.0.53) 9.9.9.9]". Those in host(…) are asked from
// the host's namespace.
func externals(list string) []netip.Addr {
	var out []netip.Addr
	for _, f := range strings.Fields(strings.Trim(list, "[] ")) {
		f = strings.TrimSuffix(strings.TrimPrefix(f, "host("), ")")
		if a, err := netip.ParseAddr(f); err == nil {
			out = append(out, a)
		}
	}
	return out
}
