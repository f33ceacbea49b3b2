package check

// Within reports whether a version is one of these releases.
func Within(version, from, to string) bool { return releaseOf(version).within(from, to) }
