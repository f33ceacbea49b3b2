package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Inside is a command to run inside User Mode Linux.
type Inside struct {
	Argv []string
	Path string // the program, if it is not what Argv begins with
	// Node and Netns are as in [Lab.Command]; with Node empty the command runs outside of all nodes.
	Node, Netns string
	Dir         string   // folder to start in; empty: the caller's
	Env         []string // added to the caller's environment
	Writable    []string // folders of the machine that it may write to; they must exist

	Stdin          io.Reader // nil: nothing
	Stdout, Stderr io.Writer // nil: nowhere
}

// order is how a command travels: as one line of JSON, and then what it reads. What it writes comes back in frames.
type order struct {
	Argv, Env, Writable    []string
	Path, Node, Netns, Dir string
	Seen                   map[string]fileState // files of the machine that the command names
}

// The kinds of a frame: one byte, then the length of what follows as four bytes, big end first.
const (
	frameAlive  = iota // nothing: tells a living caller from a dead one
	frameStdout        // what the command wrote
	frameStderr
	frameExit   // its exit code as text; 128 and more: the signal that ended it
	frameFailed // why it could not be run
)

const frameLimit = 1 << 20

// Run runs a command inside and waits for its end. The code is the command's; the error says that it could not be run or
// that the connection was lost. It ends when ctx does.
func (u *UML) Run(ctx context.Context, in Inside) (int, error) {
	c, err := u.dial(10 * time.Second)
	if err != nil {
		return 0, fmt.Errorf("reach User Mode Linux %s: %w", u.Name, err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	o, err := in.order()
	if err != nil {
		return 0, err
	}
	line, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	if _, err := c.Write(append(line, '\n')); err != nil {
		return 0, fmt.Errorf("ask User Mode Linux %s: %w", u.Name, err)
	}
	go func() {
		if in.Stdin != nil {
			_, _ = io.Copy(c, in.Stdin)
		}
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	code, err := readFrames(c, in.Stdout, in.Stderr)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("run %s inside User Mode Linux %s: %w", strings.Join(in.Argv, " "), u.Name, err)
	}
	return code, err
}

// order completes a command with what this process knows.
func (in Inside) order() (order, error) {
	o := order{Argv: in.Argv, Path: in.Path, Node: in.Node, Netns: in.Netns, Dir: in.Dir, Seen: map[string]fileState{}}
	if len(o.Argv) == 0 {
		return o, errors.New("no command given")
	}
	var err error
	if o.Dir, err = filepath.Abs(in.Dir); err != nil {
		return o, err
	}
	for _, w := range in.Writable {
		if w, err = filepath.Abs(w); err != nil {
			return o, err
		}
		o.Writable = append(o.Writable, w)
	}
	for _, e := range append(os.Environ(), in.Env...) {
		if key, _, _ := strings.Cut(e, "="); key != "PATH" && key != "FAIRWAY_LAB_STATE" {
			o.Env = append(o.Env, e)
		}
	}
	if in.Node != "" { // the words name files of the node
		return o, nil
	}
	for _, a := range append([]string{in.Path}, o.Argv...) {
		if !filepath.IsAbs(a) {
			a = filepath.Join(o.Dir, a)
		}
		if s := stateOf(a); s != (fileState{}) {
			o.Seen[a] = s
		}
	}
	return o, nil
}

// writeFrame sends one frame.
func writeFrame(w io.Writer, kind byte, data []byte) error {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data)))
	_, err := w.Write(append(b, data...))
	return err
}

// readFrames copies what a command writes until its end.
func readFrames(r io.Reader, stdout, stderr io.Writer) (int, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		kind, data, err := readFrame(in)
		if err != nil {
			return 0, err
		}
		switch {
		case kind == frameStdout && stdout != nil:
			_, err = stdout.Write(data)
		case kind == frameStderr && stderr != nil:
			_, err = stderr.Write(data)
		case kind == frameFailed:
			err = errors.New(string(data))
		case kind == frameExit:
			code := 0
			_, err = fmt.Sscan(string(data), &code)
			return code, err
		}
		if err != nil {
			return 0, err
		}
	}
}

func readFrame(in io.Reader) (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, fmt.Errorf("read its answer: %w", err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > frameLimit {
		return 0, nil, fmt.Errorf("read its answer: a frame of %d bytes", n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(in, data); err != nil {
		return 0, nil, fmt.Errorf("read its answer: %w", err)
	}
	return head[0], data, nil
}
