// Package netns opens things inside a network namespace so that they can be
// used from anywhere.
//
// A socket, a netlink handle and an open file of /proc/net stay in the
// namespace they were born in. So nothing but their birth needs a thread there,
// and this package is the only one that moves threads.
package netns

import "errors"

// ErrNotNamespace says that a path exists and is no handle of a network
// namespace: an empty file over which the engine's mount is gone, or is not
// visible from here.
var ErrNotNamespace = errors.New("not a network namespace handle")
