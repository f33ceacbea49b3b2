package lab

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"
)

func TestFirstMirror(t *testing.T) {
	for sources, want := range map[string]string{
		"Types: deb\nURIs: http://a.example/debian\nSuites: x\n":     "http://a.example/debian",
		"# deb http://no.example/debian x main\n":                    "",
		"deb [signed-by=/k arch=amd64] https://b.example/d x main\n": "https://b.example/d",
		"deb cdrom:[x]/ y main\ndeb http://c.example/d y main\n":     "http://c.example/d",
		"": "",
	} {
		if got := firstMirror([]byte(sources)); got != want {
			t.Errorf("%q: got %q, want %q", sources, got, want)
		}
	}
}

func TestOurs(t *testing.T) {
	for name, want := range map[string]bool{
		"fw-lab-n1": true, "fw-lab-n12": true, "fw-lab-fab": true,
		"fw-lab2-n1": false, "fw-lab-n": false, "fw-lab-n1x": false, "lab-n1": false,
	} {
		if ours("lab", name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string]bool{"lab": true, "a_2": true, "": false, "a-b": false, "../x": false, "A": false} {
		if (checkName(name) == nil) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestFaultsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		if f.ID == "" || seen[f.ID] || f.Doc == "" || f.Layer == "" || f.Break == nil || f.Heal == nil || f.Want == nil {
			t.Errorf("fault %q lacks something, or is there twice", f.ID)
		}
		seen[f.ID] = true
		for engine, reason := range f.NotOn {
			if _, err := findEngine(engine); err != nil || reason == "" {
				t.Errorf("fault %q is not on engine %q, for the reason %q: %v", f.ID, engine, reason, err)
			}
		}
	}
}

func TestLayer(t *testing.T) {
	b, err := layer([]byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(b))
	h, err := r.Next()
	if err != nil || h.Name != "echo" || h.Mode != 0o755 {
		t.Fatalf("%+v, %v", h, err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "program" {
		t.Errorf("%q, %v", got, err)
	}
}
