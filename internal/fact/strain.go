package fact

// NeighbourTable is the kernel's table of one kind of neighbours, as `ip ntable`
// shows it in any namespace.
type NeighbourTable struct {
	// Name is "arp_cache" or "ndisc_cache".
	Name string
	// Entries are the rows of all namespaces, permanent ones included.
	Entries int
	// Thresh1, Thresh2 and Thresh3 are the limits gc_thresh1 to 3. At the third a
	// row that may be collected is refused; since Linux 5.0 permanent rows are not
	// counted for that.
	Thresh1, Thresh2, Thresh3 int
}

// Strain is how busy a machine is.
type Strain struct {
	// Load are the averages of 1, 5 and 15 minutes: tasks that run, want to, or wait
	// for a disk.
	Load [3]float64
	// CPUs is how many processors are online; 0: not known.
	CPUs int
	// Pressure is the share of time lost for lack of each resource (PSI, Linux 4.20);
	// empty where the kernel keeps no account.
	Pressure []Pressure `json:",omitempty"`
}

// Pressure is the share of time, in percent, in which some or all of a machine's
// tasks waited for a resource, over the last 10, 60 and 300 seconds.
type Pressure struct {
	// Resource is "cpu", "memory" or "io".
	Resource   string
	Some, Full [3]float64
}

// NeighbourTable returns the table of that name, or nil.
func (k *Kernel) NeighbourTable(name string) *NeighbourTable {
	if k == nil {
		return nil
	}
	return find(k.NeighbourTables, func(t *NeighbourTable) bool { return t.Name == name })
}

// Of returns the pressure on a resource, or nil.
func (s *Strain) Of(resource string) *Pressure {
	if s == nil {
		return nil
	}
	return find(s.Pressure, func(p *Pressure) bool { return p.Resource == resource })
}
