package said

import "strings"

// assignments masks the values of all names that sound like secrets:
// PASSWORD=…, "auth":"…", identitytoken: …, X-Registry-Auth:[…].
func assignments(t string) string { return rewrite(t, secret) }

// rewrite masks the value of each name that is meant. What is a name, and where a
// value ends, is told by the quotes around it.
func rewrite(t string, meant func(name string, sep byte) bool) string {
	var b strings.Builder
	kept := 0
	for i := 0; i < len(t); i++ {
		if t[i] != '=' && t[i] != ':' {
			continue
		}
		name := nameBefore(t[kept:i])
		if name == "" || !meant(name, t[i]) {
			continue
		}
		from, to := value(t, i+1, t[i] == '=' && shouted(name))
		if from == to || t[from:to] == masked {
			continue
		}
		b.WriteString(t[kept:from])
		b.WriteString(masked)
		kept = to
		i = to - 1
	}
	if kept == 0 {
		return t
	}
	b.WriteString(t[kept:])
	return b.String()
}

// nameBefore is the name at the end of t, without the quotes and the bracket of a list
// around it.
func nameBefore(t string) string {
	end := len(t)
	for end > 0 && (t[end-1] == '"' || t[end-1] == '\\' || t[end-1] == '\'' || t[end-1] == ' ' && len(t)-end < 1) {
		end--
	}
	const longestName = 80
	from := end
	for from > 0 && end-from < longestName && nameByte(t[from-1]) {
		from--
	}
	return t[from:end]
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// shouted says that a name is written as those of environments are.
func shouted(name string) bool { return name == strings.ToUpper(name) }

// value tells where the value that begins at i ends. In an environment a value may
// hold blanks: it ends where the next name begins.
func value(t string, i int, env bool) (from, to int) {
	for i < len(t) && t[i] == ' ' {
		i++
	}
	if i < len(t) && (t[i] == '[' || t[i] == '{') {
		return i + 1, matching(t, i)
	}
	if q := quote(t, i); q > 0 {
		return i + q, closing(t, i+q, t[i:i+q])
	}
	end := i
	for end < len(t) && !endsWord(t[end]) {
		end++
	}
	if scheme := strings.ToLower(t[i:end]); scheme == "basic" || scheme == "bearer" {
		from, to := value(t, end, false)
		return from, to
	}
	for env && end < len(t) && t[end] == ' ' && !assigns(t[end+1:]) {
		end++
		for end < len(t) && !endsWord(t[end]) {
			end++
		}
	}
	return i, end
}

// matching finds the bracket that closes the one at i; the end of t if none does.
func matching(t string, i int) int {
	depth := 0
	for j := i; j < len(t); j++ {
		switch t[j] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return j
			}
		}
	}
	return len(t)
}

// endsWord: a value without quotes ends at a blank, or where the quotes around all
// of it do.
func endsWord(c byte) bool { return c <= ' ' || c == '"' || c == '\\' || c == '`' }

// assigns says that t begins with a name and an equals sign.
func assigns(t string) bool {
	for i := range len(t) {
		if t[i] == '=' {
			return i > 0
		}
		if !nameByte(t[i]) {
			return false
		}
	}
	return false
}

// quote is the length of the opening quote at i, with the backslashes of the quotes
// around it; 0: there is none.
func quote(t string, i int) int {
	n := 0
	for i+n < len(t) && t[i+n] == '\\' {
		n++
	}
	if i+n < len(t) && (t[i+n] == '"' || n == 0 && t[i+n] == '\'') {
		return n + 1
	}
	return 0
}

// closing finds where the same quote stands again, not more deeply escaped; the end
// of t where it does not.
func closing(t string, i int, q string) int {
	depth := len(q) - 1
	for j := i; j < len(t); j++ {
		if t[j] != q[depth] {
			continue
		}
		n := 0
		for j-n > i && t[j-n-1] == '\\' {
			n++
		}
		if n <= depth {
			return j - n
		}
	}
	return len(t)
}

// loud are the words that make a name a secret's, anywhere in it; quiet ones only at
// its end or as the whole of it.
var (
	loud = []string{"password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "api_key", "api-key", "accesskey",
		"privatekey", "private_key", "signingcakey", "unlockkey", "encryptionkey", "gossipkey", "authorization", "cookie", "registry-auth", "registry-config"}
	quiet = []string{"_key", "-key", "_pwd", "_pass", "_auth", "-auth", "_dsn"}
	whole = []string{"auth", "pwd", "pass", "registryauth", "identity_token"}
	// tame names are about secrets and hold none.
	tame = []string{"_id", ".id", "-id", "_file", "_path", "_name", "_names", ".name"}
)

// secret says that a name sounds like a secret's.
func secret(name string, _ byte) bool {
	low := strings.ToLower(name)
	for _, s := range tame {
		if strings.HasSuffix(low, s) {
			return false
		}
	}
	for _, s := range loud {
		if strings.Contains(low, s) {
			return true
		}
	}
	for _, s := range quiet {
		if strings.HasSuffix(low, s) {
			return true
		}
	}
	for _, s := range whole {
		if low == s {
			return true
		}
	}
	return false
}
