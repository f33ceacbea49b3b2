// Package corpus hands tests the cases that the lab recorded: real faults of
// real engines, and what must be found in each.
package corpus

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Case is one recorded case and the truth about it, which `fairway-lab matrix
// --record` wrote beside it.
type Case struct {
	// Fault is that of the lab, or a situation in which nothing is wrong.
	Fault  string `json:"fault"`
	Engine string `json:"engine"`
	// Way is how the nodes were reached: here, agents, ssh or with-agents.
	Way string `json:"way"`
	// On is the node it was collected on.
	On string `json:"on"`
	// Args are those of fairway diagnose; none: the question is that of fairway check.
	Args []string `json:"args"`
	// Causes are all that must be found, the first one first; none: nothing is wrong.
	Causes []Cause `json:"causes"`
	// Exit is the exit code of the diagnosis.
	Exit int `json:"exit"`

	// File is the whole case file.
	File []byte `json:"-"`
}

// Cause is a cause as the lab knows it; an empty field is not compared.
type Cause struct {
	ID      string `json:"id"`
	Node    string `json:"node"`
	Network string `json:"network"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Peer    string `json:"peer"`
}

// Read hands over every case of an archive (`fairway-lab corpus` packs them) in
// the order of their names.
func Read(archive string, each func(Case) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1)) // the window takes 128 MiB as it is
	if err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	defer z.Close()
	n, err := read(tar.NewReader(z), each)
	if err == nil && n == 0 {
		err = errors.New("there is no case in it")
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	return nil
}

// read pairs FAULT.json with the FAULT.tar that follows it, and counts them.
func read(r *tar.Reader, each func(Case) error) (n int, err error) {
	again, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, err
	}
	var c Case
	for {
		h, err := r.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return n, err
		}
		name, isTruth := strings.CutSuffix(h.Name, ".json")
		switch {
		case isTruth:
			c = Case{}
			if err := json.Unmarshal(b, &c); err != nil {
				return n, fmt.Errorf("%s: %w", h.Name, err)
			}
		case h.Name != c.Fault+".tar":
			return n, fmt.Errorf("%s: the truth about it is missing", name)
		default:
			c.File = again.EncodeAll(b, nil)
			if err := each(c); err != nil {
				return n, fmt.Errorf("%s: %w", c.Fault, err)
			}
			n++
		}
	}
}
