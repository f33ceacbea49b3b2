package fact

import "strings"

// marks are what names stand behind in the sentences of engines; ends are where
// these names end.
var marks = []struct{ before, ends, sort string }{
	{"net=", " ", "network"},
	{"network=", " ", "network"},
	{"service.name=", " ", "service"},
	{"container=", " ", "container"},
	{"image=", " @", "image"},
	{"o such image: ", " @", "image"},
	{"access denied for ", " ,@", "image"},
	{"/v2/", "\x00", "image"},
	{"://", " /:@", "domain"},
	{"lookup ", " ", "domain"},
}

// public places tell nothing about who names them.
var public = []string{"docker.com", "docker.io", "github.com", "kernel.org", "golang.org"}

// learnSentence collects names that only a sentence tells: of what is gone since,
// of images, of other hosts.
func (r *redactor) learnSentence(s string) {
	for _, m := range marks {
		for rest := s; ; {
			at := strings.Index(rest, m.before)
			if at < 0 {
				break
			}
			inWord := wordEnd(m.before, 0) > 0 && at > 0 && wordEnd(rest[at-1:at], 0) > 0 && m.before[0] != 'o'
			rest = rest[at+len(m.before):]
			if name := marked(rest, m.before, m.ends); !inWord && len(name) < 256 && len(r.unknownIn(name)) > 0 && !isPublic(name) {
				r.names.add(name, m.sort)
			}
		}
	}
}

// marked is the name at the start of s. Of an image the tag is left out.
func marked(s, before, ends string) string {
	s = strings.TrimLeft(s, `\"'`)
	if before == "/v2/" { // a registry's path
		name, _, ok := strings.Cut(s, "/manifests/")
		if !ok || strings.ContainsAny(name, ` "`) {
			return ""
		}
		return name
	}
	if i := strings.IndexAny(s, ends+"\"'\\()[]{}<>‹"); i >= 0 {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		s = s[:i]
	}
	return strings.Trim(s, ".,:;")
}

func isPublic(name string) bool {
	for _, p := range public {
		if name == p || strings.HasSuffix(name, "."+p) {
			return true
		}
	}
	return false
}

// idsIn lists the words of a sentence that have the form of a whole ID.
func idsIn(s string) (out []string) {
	for i := 0; i < len(s); i++ {
		end := wordEnd(s, i)
		if w := s[i:end]; len(w) == 64 && isHex(w) || len(w) == 25 && isMixed(w) {
			out = append(out, w)
		}
		i = end
	}
	return out
}

// isMixed: small letters and digits, some of each.
func isMixed(w string) bool {
	return strings.Trim(w, "0123456789abcdefghijklmnopqrstuvwxyz") == "" && strings.ContainsAny(w, "0123456789") && strings.Trim(w, "0123456789") != ""
}
