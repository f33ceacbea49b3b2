package textlog

import (
	"bytes"
	"slices"
)

// origin is who wrote a line.
type origin int

const (
	somebody origin = iota
	engine
	kernel
)

// engineTags are what syslog calls the engine: its program, the name of its init
// script, its unit, and its program inside a snap. A container's own lines, by the
// engine's syslog driver, have its ID there, or docker/ and its ID.
var engineTags = []string{"dockerd", "docker", "docker.service", "docker.dockerd"}

// whose says who wrote a line, and what. own: the file is the engine's, so that
// only what names somebody else for sure is not the engine's.
func whose(s stamp, own bool) (origin, []byte) {
	if s.own {
		return engine, s.rest
	}
	tag, message, sure := tagged(s.rest)
	switch {
	case slices.Contains(engineTags, string(tag)):
		return engine, message
	case string(tag) == "kernel":
		return kernel, withoutUptime(message)
	case own && !sure:
		return engine, bytes.TrimLeft(s.rest, " \t")
	}
	return somebody, nil
}

// tagged splits what follows a syslog stamp: HOST TAG[PID]: MESSAGE, where busybox
// writes its facility.severity before the tag. A process ID makes it sure that
// this is syslog; prose has colons, too.
func tagged(rest []byte) (tag, message []byte, sure bool) {
	_, rest, _ = cutField(rest) // the host
	word, after, ok := cutField(rest)
	if ok && !bytes.HasSuffix(word, []byte(":")) && bytes.IndexByte(word, '.') > 0 {
		word, after, ok = cutField(after)
	}
	if !ok || !bytes.HasSuffix(word, []byte(":")) {
		return nil, nil, false
	}
	tag = word[:len(word)-1]
	if i := bytes.IndexByte(tag, '['); i > 0 && tag[len(tag)-1] == ']' {
		tag, sure = tag[:i], true
	}
	return tag, after, sure
}

// cutField takes the first word, and what follows the blank behind it.
func cutField(b []byte) (word, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " \t")
	i := bytes.IndexAny(b, " \t")
	if i < 0 {
		return b, nil, len(b) > 0
	}
	return b[:i], b[i+1:], true
}

// withoutUptime cuts the kernel's own stamp, [12345.678901], off a message: the
// journal and /dev/kmsg do not have it in there.
func withoutUptime(message []byte) []byte {
	if len(message) == 0 || message[0] != '[' {
		return message
	}
	i := bytes.IndexByte(message, ']')
	if i < 0 || len(bytes.Trim(message[1:i], " .0123456789")) > 0 {
		return message
	}
	return bytes.TrimLeft(message[i+1:], " ")
}
