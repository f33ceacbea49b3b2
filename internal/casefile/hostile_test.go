package casefile_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"fairway/internal/casefile"
	"fairway/internal/fact"
	"fairway/internal/facttest"
)

// entry is one entry of an archive, whatever it claims.
type entry struct {
	tar.Header
	data string
}

func file(name, data string) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o600}, data}
}

// unpacked are the entries of a case.
func unpacked(t testing.TB, raw []byte) []entry {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var out []entry
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file(h.Name, string(data)))
	}
}

// packed is a file of these entries; one that ends early, if they lie about
// their size.
func packed(t testing.TB, entries ...entry) []byte {
	t.Helper()
	return squeezed(t, archived(t, entries...))
}

func archived(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		must(t, w.WriteHeader(&e.Header))
		_, err := io.WriteString(w, e.data)
		must(t, err)
	}
	_ = w.Close() // complains of entries that are too short
	return b.Bytes()
}

// sealed are entries with a manifest that fits them at their end.
func sealed(t testing.TB, entries ...entry) []entry {
	t.Helper()
	entries = slices.DeleteFunc(entries, func(e entry) bool { return e.Name == "manifest.json" })
	var parts []map[string]any
	for _, e := range entries {
		if e.Typeflag != tar.TypeReg {
			continue
		}
		sum := sha256.Sum256([]byte(e.data))
		parts = append(parts, map[string]any{"name": e.Name, "size": len(e.data), "sha256": hex.EncodeToString(sum[:])})
	}
	m, err := json.Marshal(map[string]any{"parts": parts})
	if err != nil {
		t.Fatal(err)
	}
	return append(entries, file("manifest.json", string(m)))
}

func named(list []entry, name string) *entry {
	i := slices.IndexFunc(list, func(e entry) bool { return e.Name == name })
	return &list[i]
}

// set changes what a part holds.
func set(e *entry, data string) { e.data, e.Size = data, int64(len(data)) }

func healthy(t testing.TB) []entry { return unpacked(t, written(t, facttest.Healthy())) }

// wantRefused wants an error that says so, and says what to do where there is
// something.
func wantRefused(t *testing.T, raw []byte, limits casefile.Limits, words ...string) {
	t.Helper()
	c, err := casefile.Read(bytes.NewReader(raw), limits)
	if err == nil {
		t.Fatalf("was read: %d parts, cut %q, damage %q", len(c.Files), c.Cut, c.Damage)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error %q is not one plain line", err)
	}
}

// wantGap wants a case that was read but for one thing.
func wantGap(t *testing.T, raw []byte, node string, kinds ...fact.Kind) *casefile.Case {
	t.Helper()
	c := read(t, raw)
	for _, k := range kinds {
		if c.Snapshot.Missing(node, "", k) == nil {
			t.Errorf("no gap of kind %s on %q: %+v", k, node, c.Snapshot.Gaps)
		}
	}
	if c.Cut == "" && len(c.Damage) == 0 {
		t.Error("nothing is said about what is wrong with the case")
	}
	return c
}

func TestNamesThatLeadOut(t *testing.T) {
	for _, name := range []string{"../x", "/etc/passwd", "look-1/../../x", "look-1//x", "look-1/.", "..", `look-1\..\x`, "C:x", strings.Repeat("x/", 150) + "x"} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, packed(t, append(healthy(t), file(name, "x"))...), casefile.Limits{}, "do not trust it")
		})
	}
}

func TestLinksAndDevices(t *testing.T) {
	for _, h := range []tar.Header{{Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, {Typeflag: tar.TypeLink, Linkname: "format.json"},
		{Typeflag: tar.TypeChar}, {Typeflag: tar.TypeBlock}, {Typeflag: tar.TypeFifo}} {
		h.Name = "look-1/wanted.json"
		list := slices.DeleteFunc(healthy(t), func(e entry) bool { return e.Name == h.Name })
		wantRefused(t, packed(t, slices.Insert(list, 1, entry{Header: h})...), casefile.Limits{}, "link or a device", "do not unpack")
	}
}

// TestSparseFiles claim to hold more than they do.
func TestSparseFiles(t *testing.T) {
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	must(t, w.WriteHeader(&tar.Header{Name: "format.json", Size: 2, Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{"FAIRWAY.sparse.major": "1", "FAIRWAY.sparse.minor": "0", "FAIRWAY.sparse.name": "format.json", "FAIRWAY.sparse.realsize": "1"}}))
	_, err := io.WriteString(w, "{}")
	must(t, err)
	must(t, w.Close())
	// The writer makes no sparse files, so the records get their name afterwards.
	plain := bytes.ReplaceAll(raw.Bytes(), []byte("FAIRWAY.sparse"), []byte("GNU.sparse.AAA"))
	wantRefused(t, squeezed(t, plain), casefile.Limits{}, "do not trust it")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func squeezed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(256<<10))
	must(t, err)
	_, err = z.Write(plain)
	must(t, err)
	must(t, z.Close())
	return b.Bytes()
}

func TestDeclaredBomb(t *testing.T) {
	for _, name := range []string{"look-1/wanted.json", "extra.bin"} {
		e := file(name, "")
		e.Size = 10 << 30
		wantRefused(t, packed(t, healthy(t)[0], e), casefile.Limits{}, "10240 MiB", "do not trust it")
	}
}

func TestUndeclaredBomb(t *testing.T) {
	small := casefile.Limits{Size: 8 << 20}
	zeros := strings.Repeat("\x00", 900<<10)
	list := healthy(t)[:1]
	for i := range 12 {
		list = append(list, file(fmt.Sprintf("extra-%d", i), zeros))
	}
	wantRefused(t, packed(t, list...), small, "more than the 8 MiB", "do not trust it")
	wantRefused(t, packed(t, healthy(t)[0], file("look-1/wanted.json", strings.Repeat(" ", 2<<20))), small, "holds 2 MiB")
}

// TestDeclaredWindow: a frame that says it needs gigabytes gets none.
func TestDeclaredWindow(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 4, 0, 0, 0} // one segment of 16 GiB
	wantRefused(t, frame, casefile.Limits{}, "it is no case")
	wantRefused(t, []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb8, 1, 0, 0}, casefile.Limits{}, "it is no case") // a window of 8 GiB
}

func TestAMillionEntries(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		z, _ := zstd.NewWriter(w)
		a := tar.NewWriter(z)
		var err error
		for i := 0; i < 1_000_000 && err == nil; i++ {
			name := "format.json"
			if i > 0 {
				name = fmt.Sprint("extra-", i)
			}
			data := `{"format":1}`
			if err = a.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(data))}); err == nil {
				_, err = io.WriteString(a, data)
			}
		}
		_ = w.CloseWithError(errors.Join(err, z.Close(), io.EOF))
	}()
	_, err := casefile.Read(r, casefile.Limits{})
	_ = r.Close()
	if err == nil || !strings.Contains(err.Error(), "20000 parts") {
		t.Errorf("error %v", err)
	}
}

func TestNamesThatAreThereTwice(t *testing.T) {
	for _, name := range []string{"look-1/wanted.json", "format.json", "manifest.json", "./look-1/wanted.json", "extra"} {
		list := append(healthy(t), file("extra", ""))
		wantRefused(t, packed(t, append(list, file(name, "{}"))...), casefile.Limits{}, "twice")
	}
}

func TestWrongOrder(t *testing.T) {
	list := healthy(t)
	wantRefused(t, packed(t, append(list[1:], list[0])...), casefile.Limits{}, "format.json")
	list = healthy(t)
	slices.Reverse(list[1:])
	if d := cmp.Diff(facttest.Healthy(), read(t, packed(t, list...)).Snapshot, exact); d != "" {
		t.Error(d)
	}
}

func TestUnknownPartsAreListedAndLeftAlone(t *testing.T) {
	list := sealed(t, append(healthy(t), file("look-1/nodes/001-n1/tea.json", "{"), file("notes \x1b[31mof ops", "hot"), entry{Header: tar.Header{Name: "folder/", Typeflag: tar.TypeDir}})...)
	c := read(t, packed(t, list...))
	if d := cmp.Diff(facttest.Healthy(), c.Snapshot, exact); d != "" || c.Cut != "" || len(c.Damage) != 0 {
		t.Error(c.Cut, c.Damage, d)
	}
	var extra []string
	for _, f := range c.Files {
		if !f.Known {
			extra = append(extra, f.Name)
		}
	}
	if want := []string{"look-1/nodes/001-n1/tea.json", "notes  [31mof ops", "folder"}; !slices.Equal(extra, want) {
		t.Errorf("unknown parts %q", extra)
	}
}

func TestNewerFormat(t *testing.T) {
	list := healthy(t)
	set(&list[0], `{"format":7,"needs":"1.9","tool":"1.9","new":[]}`)
	wantRefused(t, packed(t, list[0], file("other-layout", "")), casefile.Limits{}, "this case has format 7, written by fairway 1.9; it needs fairway 1.9 or newer")
	set(&list[0], `{"format":7,"needs":"\u001b[2J\n1.9"}`)
	wantRefused(t, packed(t, list...), casefile.Limits{}, "format 7")
	for _, bad := range []string{`{"format":0}`, `{"format":-1}`, `{"format":"x"}`, `{`, ``, `[]`} {
		set(&list[0], bad)
		wantRefused(t, packed(t, list...), casefile.Limits{}, "it is no case")
	}
	list = healthy(t)
	snap := named(list, "look-1/snapshot.json")
	set(snap, strings.Replace(snap.data, `"Format":1`, `"Format":9`, 1))
	wantRefused(t, packed(t, sealed(t, list...)...), casefile.Limits{}, "facts have format 9", "newer")
}

func TestNoCaseAtAll(t *testing.T) {
	wantRefused(t, nil, casefile.Limits{}, "empty", "take the case again")
	wantRefused(t, []byte("PK\x03\x04 something else"), casefile.Limits{}, "it is no case")
	wantRefused(t, []byte("("), casefile.Limits{}, "it is no case")
	wantRefused(t, squeezed(t, []byte("hello")), casefile.Limits{}, "it is no case")
	wantRefused(t, packed(t), casefile.Limits{}, "it is no case")
	wantRefused(t, packed(t, sealed(t, healthy(t)[0])...), casefile.Limits{}, "no look")
}
