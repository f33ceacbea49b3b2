package check

// StationChecks are the checks that judge a hop of a path, for the test of the
// registry.
func StationChecks() (ids []string, hops []string) {
	for _, st := range stations {
		for _, id := range st.checks {
			ids, hops = append(ids, id), append(hops, st.hop)
		}
	}
	return ids, hops
}
