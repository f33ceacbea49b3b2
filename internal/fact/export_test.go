package fact

import "strings"

// Ordinary says whether a name is a word of sentences, and stays in them.
func Ordinary(name string) bool { return ordinary[strings.ToLower(name)] }
