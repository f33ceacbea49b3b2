package collect

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"fairway/internal/fact"
)

// fuzzAnswers feeds a reader with recorded answers to paths that match, and
// with what the fuzzer makes of them. A reader must not panic, and must not
// make more rows than the text has room for.
func fuzzAnswers(f *testing.F, match func(path string) bool, read func(*answer) (rows int, err error)) {
	for _, file := range []string{"engine-20.10-manager.txtar", manager, "engine-29-worker.txtar"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		for _, a := range archive.Files {
			if match(a.Name) {
				f.Add(short(a.Data))
			}
		}
	}
	for _, s := range []string{"", "null", "[]", "{}", "[null]", "[{}]", `{"":null}`, `[[[[`, `{"a":`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bad := &garbled{}
		rows, _ := read(newAnswer(bytes.NewReader(b), bad))
		if rows > len(b) {
			t.Errorf("%d rows from %d bytes", rows, len(b))
		}
		if s := bad.String(); len(s) > 400 || strings.ContainsAny(s, "\n\x1b") {
			t.Errorf("noted %q", s)
		}
	})
}

// short keeps the first row of a list: the fuzzer is slow on long texts.
func short(b []byte) []byte {
	if row, _, ok := bytes.Cut(b, []byte(",\n")); ok && bytes.HasPrefix(b, []byte("[")) {
		return append(bytes.Clone(row), ']')
	}
	return b
}

func is(want string) func(string) bool { return func(p string) bool { return p == want } }

func FuzzInfo(f *testing.F) {
	fuzzAnswers(f, is("/info"), func(a *answer) (int, error) {
		var in infoJSON
		err := a.value("info", &in)
		return len(membership(in, a.bad).Managers), err
	})
}

func FuzzContainers(f *testing.F) {
	fuzzAnswers(f, is("/containers/json"), func(a *answer) (int, error) {
		var list []fact.Container
		err := readContainers(a, &list)
		return len(list), err
	})
}

func FuzzContainer(f *testing.F) {
	match := func(p string) bool { return strings.HasPrefix(p, "/containers/") && p != "/containers/json" }
	fuzzAnswers(f, match, func(a *answer) (int, error) {
		var c fact.Container
		err := readContainer(a, &c)
		return len(c.Endpoints), err
	})
}

func FuzzNetworks(f *testing.F) {
	fuzzAnswers(f, is("/networks"), func(a *answer) (rows int, err error) {
		err = readNetworks(a, func(fact.Network) { rows++ })
		return rows, err
	})
}

func FuzzVerbose(f *testing.F) {
	match := func(p string) bool { return strings.HasSuffix(p, "?verbose=true") }
	fuzzAnswers(f, match, func(a *answer) (int, error) {
		var n fact.EngineNetwork
		err := readVerbose(a, &n)
		return len(n.Endpoints) + len(n.Peers) + len(n.Services), err
	})
}

func FuzzNodes(f *testing.F) {
	fuzzAnswers(f, is("/nodes"), func(a *answer) (int, error) {
		var list []fact.SwarmNode
		err := readNodes(a, &list)
		return len(list), err
	})
}

func FuzzServices(f *testing.F) {
	fuzzAnswers(f, is("/services"), func(a *answer) (int, error) {
		var list []fact.Service
		err := readServiceList(a, &list)
		return len(list), err
	})
}

func FuzzTasks(f *testing.F) {
	fuzzAnswers(f, is("/tasks"), func(a *answer) (int, error) {
		var list []fact.Task
		err := readTasks(a, &list)
		return len(list), err
	})
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := oneFile(bytes.NewReader(b)); err == nil && len(got) > maxFile {
			t.Errorf("%d bytes", len(got))
		}
	})
}
