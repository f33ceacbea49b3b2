package said

import (
	"regexp"
	"strings"
)

// masked stands where a secret stood.
const masked = "‹masked›"

// Mask replaces the secrets in a log line by "‹masked›": keys of gossip and of
// encryption (dockerd logs them, the gossip keys even at level info), join tokens
// and unlock keys, what clients send to the engine, environments, credentials of
// registries and URLs, PEM blocks. Addresses, IDs, SPIs and names stay. It rather
// masks too much: behind a secret without an end the whole rest of the line goes.
//
// A key that is split over several lines is seen line by line: a line of nothing
// but base64 is masked. Masking a masked text changes nothing.
func Mask(text string) string {
	// One rule may lay open what another knows; each round masks at least one thing more.
	for range 8 {
		next := once(text)
		if next == text {
			break
		}
		text = next
	}
	return text
}

func once(text string) string {
	low := strings.ToLower(text)
	for _, r := range rules {
		if r.near(low) {
			text = r.mask(text)
		}
	}
	text = assignments(text)
	if loneBase64(text) {
		return masked
	}
	return text
}

// rule is one form of secret.
type rule struct {
	// hints are parts, in small letters, without one of which the form cannot be there.
	hints []string
	mask  func(string) string
}

func (r *rule) near(low string) bool {
	for _, h := range r.hints {
		if strings.Contains(low, h) {
			return true
		}
	}
	return false
}

var rules = []rule{
	// What a client sent: the whole of it (level debug; a field of its own since 28).
	{[]string{"form data: "}, tail("form data: ")},
	{[]string{"form-data"}, named("form-data")},
	// A whole task with its environment, labels and commands (level debug); its ID stays.
	{[]string{"creating service config in agent for t = "}, replace(`(for t = (?:(?:&|\\u0026)?Task\{ID:\w+,)?)(?s:.*)`, `${1}`+masked)},
	{[]string{"env:[", "env\":[", "env\\\":["}, environment},
	// Join tokens and unlock keys.
	{[]string{"swmtkn-", "swmkey-"}, replace(`(SWM(?:TKN|KEY)-)[^\s"'\\‹]+`, `${1}`+masked)},
	// NetworkDB's configuration (level info) and other lists of keys: Keys:[[1 2 3] [4 5 6]].
	{[]string{"key:[", "keys:["}, keyLists},
	// Kernel state of encryption, in rSA{…}, fSA{…} and at clean-up (level warning, too).
	{[]string{"key: "}, replace(`((?:^|[ ({,])[Kk]ey: )(?:0x)?[^,}\s"\\‹]+`, `${1}`+masked)},
	// The first digits of keys, at rotation (level debug).
	{[]string{"key "}, replace(`(?i)\b((?:encryption key \d+:|primary key|adding key|remove key) )[0-9a-f]{5,}`, `${1}`+masked)},
	// Byte slices long enough for a key.
	{[]string{"[", "{"}, byteSlices},
	{[]string{"-----begin "}, replace(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|$)`, masked)},
	{[]string{"://"}, replace(`(://)[^\s/"'\\<>‹]+@`, `${1}`+masked+`@`)},
	{[]string{"bearer ", "basic "}, schemes},
	// Tokens that say what they are: JSON in base64 (registry auth, JWT), and those of known services.
	{[]string{"eyj"}, replace(`\beyJ[A-Za-z0-9_+/=.~-]{12,}`, masked)},
	{[]string{"dckr_", "gh", "glpat-", "xox", "akia", "asia", "hvs.", "sk_live_", "npm_"},
		replace(`\b(?:dckr_[a-z]+_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|hvs\.|sk_live_|npm_)[A-Za-z0-9_+/=.-]{12,}`, masked)},
	{[]string{"--"}, replace(`(?i)(--(?:[a-z-]*(?:password|passphrase|token|secret)|[a-z-]+-key) )([^\s"'\\‹-][^\s"'\\]*)`, `${1}`+masked)},
	{[]string{"output"}, output},
}

func replace(expr, by string) func(string) string {
	r := regexp.MustCompile(expr)
	return func(t string) string { return r.ReplaceAllString(t, by) }
}

// tail masks all that follows a mark, but for a quote that ends the message.
func tail(mark string) func(string) string {
	return func(t string) string {
		at := strings.Index(t, mark)
		if at < 0 {
			return t
		}
		end := ""
		if strings.HasSuffix(t, `"`) {
			end = `"`
		}
		return t[:at+len(mark)] + masked + end
	}
}

// named masks the value of every field of this name.
func named(name string) func(string) string {
	return func(t string) string {
		return rewrite(t, func(n string, _ byte) bool { return n == name })
	}
}

// environment masks lists of NAME=value, as Go and JSON print them, up to the
// field that follows in a task's dump, or else to the end.
func environment(t string) string {
	at := envForm.FindStringIndex(t)
	if at == nil {
		return t
	}
	rest := t[at[1]:]
	end := strings.Index(rest, `],Dir:`)
	if end < 0 {
		end = len(rest)
	}
	if end == 0 || rest[:end] == masked {
		return t
	}
	return t[:at[1]] + masked + rest[end:]
}

var envForm = regexp.MustCompile(`\bEnv\\*"?:\[`)

// keyLists masks what stands in brackets behind Key: and Keys:.
func keyLists(t string) string {
	var b strings.Builder
	for {
		at := keyList.FindStringIndex(t)
		if at == nil {
			return b.String() + t
		}
		end := matching(t, at[1]-1)
		b.WriteString(t[:at[1]] + masked)
		t = t[end:]
	}
}

var keyList = regexp.MustCompile(`(?i)keys?:\[`)

// byteSlices masks lists of 16 and more bytes: [18 52 86 …] and []byte{0x12, 0x34, …}.
// An IPv4 address is 16 bytes, too, and stays.
func byteSlices(t string) string {
	t = decimals.ReplaceAllStringFunc(t, func(m string) string {
		if inSixteen.MatchString(m) {
			return m
		}
		return `[` + masked + `]`
	})
	return hexes.ReplaceAllString(t, `{`+masked+`}`)
}

var (
	decimals  = regexp.MustCompile(`\[(?:\d{1,3}[ ,]+){15,}\d{0,3}\]?`)
	inSixteen = regexp.MustCompile(`^\[(?:0 ){10}255 255(?: \d{1,3}){4}\]?$`)
	hexes     = regexp.MustCompile(`\{(?:0x[0-9a-f]{1,2}, ?){15,}(?:0x[0-9a-f]{0,2})?\}?`)
)

// schemes masks what follows Bearer and Basic, unless it is plain prose.
func schemes(t string) string {
	return scheme.ReplaceAllStringFunc(t, func(m string) string {
		word, secret := m[:strings.IndexByte(m, ' ')+1], m[strings.IndexByte(m, ' ')+1:]
		prose := len(secret) < 16 && strings.IndexFunc(secret, func(r rune) bool { return r < 'a' || r > 'z' }) < 0
		if prose {
			return m
		}
		return word + masked
	})
}

var scheme = regexp.MustCompile(`(?i)\b(?:bearer|basic) [A-Za-z0-9+/_.~=-]{8,}`)

// output masks what a health check's program printed. The engines from 20.10 to
// 29.7 log only its exit code; this is for dumps of a container's state.
func output(t string) string {
	return rewrite(t, func(n string, sep byte) bool {
		return n == "Output" && sep == ':' || sep == ':' && strings.HasSuffix(strings.ToLower(n), "output") && strings.Contains(strings.ToLower(t), "health")
	})
}

// loneBase64 is for the lines of a PEM block that was logged as it stands.
func loneBase64(t string) bool {
	t = strings.TrimSpace(t)
	if len(t) < 40 {
		return false
	}
	hex := true
	for i := range len(t) {
		c := t[i]
		switch {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		case c >= 'g' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '/' || c == '=':
			hex = false
		default:
			return false
		}
	}
	return !hex
}
