package deploy

import (
	"fmt"
	"regexp"
	"strings"
)

// nowhere is a registry that nothing is: an engine that lacks an image is refused
// there at once and runs the local one. A bare tag would be pulled first, from
// the public registry: somebody else's image with an agent's privileges.
const nowhere = "127.0.0.1:1/fairway"

// Reference names the image of one binary: VERSION-HASH makes it another name for
// another binary.
func Reference(version, hash string) string {
	// A tag is a letter, digit or underscore, then at most 127 of these and . and -
	// (distribution/reference).
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", r) {
			return r
		}
		return '_'
	}, version)
	clean = strings.TrimLeft(clean, ".-")
	clean = clean[:min(len(clean), 100)]
	if clean == "" {
		clean = "unknown"
	}
	return fmt.Sprintf("%s:%s-%s", nowhere, clean, hash[:min(len(hash), 12)])
}

var (
	// imageID is what `docker images` prints as ID, or a digest alone.
	imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)
	// siteOwn is REGISTRY/PATH:TAG, REGISTRY/PATH@DIGEST or both (distribution/reference).
	siteOwn = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+(/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
)

// CheckReference refuses references under which a node could run somebody else's
// image, or none, with an agent's privileges.
func CheckReference(ref string) error {
	host, path, slash := strings.Cut(ref, "/")
	registry := slash && (strings.ContainsAny(host, ".:") || host == "localhost")
	switch {
	case ref == "":
		return fmt.Errorf("image reference is empty: give REGISTRY/NAME:TAG")
	case imageID.MatchString(ref):
		return fmt.Errorf("image %q is an ID or a digest: these differ from node to node (a loaded image has no digest, and each kind of image store makes IDs of its own): give REGISTRY/NAME:TAG", ref)
	case !registry:
		return fmt.Errorf("image %q is a bare name: every node would first ask the public registry for it, and run somebody else's image with an agent's privileges: give REGISTRY/NAME:TAG", ref)
	case !siteOwn.MatchString(ref):
		return fmt.Errorf("image %q is no reference: give REGISTRY/NAME:TAG", ref)
	case !strings.ContainsAny(path, ":@"):
		return fmt.Errorf("image %q has no tag: the nodes would run whatever is latest: give REGISTRY/NAME:TAG", ref)
	}
	return nil
}
