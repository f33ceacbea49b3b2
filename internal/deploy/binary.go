package deploy

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// program is the main package that runs with an agent's privileges; nothing else
// is put into an image.
const program = "fairway/cmd/fairway"

// maxBinary bounds what is read as a binary.
const maxBinary = 256 << 20

// Binary is fairway as a static program for Linux nodes.
type Binary struct {
	// Path is where it was read, for messages.
	Path string
	// Arch is its architecture as Go and OCI images name it: amd64, arm64, …
	Arch string
	// Hash is its SHA-256 in hex.
	Hash    string
	content []byte
}

// Content is the program itself; it is not to be changed.
func (b *Binary) Content() []byte { return b.content }

// architectures are those that Docker Engine is released for.
var architectures = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm",
	elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64"}

// ReadBinary reads the program that is to run on the nodes. Its error is one
// sentence about what else is needed.
func ReadBinary(path string) (*Binary, error) {
	content, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read the binary: %w", err)
	}
	b := &Binary{Path: path, content: content}
	if b.Arch, err = static(content); err != nil {
		return nil, fmt.Errorf("%s cannot be an agent: %w; give fairway's static Linux build with --binary", path, err)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil || info.Path != program {
		return nil, fmt.Errorf("%s is no fairway: it would get an agent's privileges on every node; give fairway's Linux build with --binary", path)
	}
	sum := sha256.Sum256(content)
	b.Hash = hex.EncodeToString(sum[:])
	return b, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case st.Size() > maxBinary:
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxBinary>>20)
	}
	content := make([]byte, st.Size())
	_, err = io.ReadFull(f, content)
	return content, err
}

// static says what architecture a program is for, if it is one that runs in an
// image with nothing else in it.
func static(content []byte) (arch string, err error) {
	// debug/elf is not hardened against malformed files.
	defer func() {
		if recover() != nil {
			err = errors.New("it is no program for Linux")
		}
	}()
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return "", errors.New("it is no program for Linux")
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("it is dynamically linked and nothing else is in the image (build it with CGO_ENABLED=0)")
		}
	}
	arch, known := architectures[f.Machine]
	if !known || f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return "", fmt.Errorf("it is a %v for %v", f.Type, f.Machine)
	}
	return arch, nil
}
