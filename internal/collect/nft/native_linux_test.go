package nft

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fairway/internal/fact"
)

// TestNative loads files in nftables' own words. Each rule must read as the lines
// with "=" say that follow it. With RECORD set it writes those lines anew, to be
// read by a person, and the kernel's answers.
func TestNative(t *testing.T) {
	files, err := filepath.Glob("testdata/*.nft")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b := loaded(t, file)
			set, bin := recorded(t)
			got := annotated(string(b), &fact.Netfilter{Tables: set.Tables})
			if os.Getenv("RECORD") != "" {
				record(t, file, []byte(got))
				record(t, strings.TrimSuffix(file, ".nft")+".bin", bin)
			}
			if diff := cmp.Diff(strings.Split(string(b), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// recorded reads the rules of this thread's namespace, and returns the kernel's
// answers too.
func recorded(t *testing.T) (*Ruleset, []byte) {
	t.Helper()
	c, err := Dial(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := &recorder{Asker: c}
	set, err := Read(r, map[uint32]string{1: "lo"})
	if err != nil {
		t.Fatal(err)
	}
	return set, r.tape.Bytes()
}

func record(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
