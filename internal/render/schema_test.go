package render_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	generate "github.com/invopop/jsonschema"
	validate "github.com/santhosh-tekuri/jsonschema/v6"

	"fairway/internal/check"
	"fairway/internal/fact"
	"fairway/internal/facttest"
	"fairway/internal/render"
)

const (
	schemaPath     = "../../docs/report.schema.json"
	diffSchemaPath = "../../docs/diff.schema.json"
)

// values are the words that a field of each of these types may hold.
var values = map[reflect.Type][]any{
	reflect.TypeFor[check.Verdict]():   {check.VerdictOK, check.VerdictFailed, check.VerdictUnknown},
	reflect.TypeFor[check.Answer]():    {check.OK, check.Failed, check.Unknown},
	reflect.TypeFor[check.Certainty](): {check.Proof, check.Strong, check.Hint},
	reflect.TypeFor[check.How]():       {check.Appeared, check.Went, check.Changed, check.Stayed},
	reflect.TypeFor[fact.Outcome]():    {fact.Open, fact.Refused, fact.Timeout, fact.Unreachable, fact.ProbeError},
}

// generated is made here and not in the program, which has no use for it.
func generated(t *testing.T, of any, title string) *generate.Schema {
	t.Helper()
	r := &generate.Reflector{
		// Additions are free (shared contract), so unknown fields are allowed.
		AllowAdditionalProperties: true,
		Mapper: func(typ reflect.Type) *generate.Schema {
			if values[typ] == nil {
				return nil
			}
			return &generate.Schema{Type: "string", Enum: values[typ]}
		},
	}
	// Descriptions are the comments of the types, found from the module's root.
	t.Chdir("../..")
	if err := r.AddGoComments("fairway", "./internal/check"); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(of)
	s.ID, s.Title = "", title
	return s
}

func schema(t *testing.T) []byte {
	t.Helper()
	s := generated(t, &check.Report{}, "fairway report, format 1")
	reachable, ok := s.Definitions["Task"].Properties.Get("reachable")
	if !ok {
		t.Fatal("tasks have no field reachable")
	}
	reachable.Type, reachable.OneOf = "", []*generate.Schema{{Type: "boolean"}, {Type: "null"}}
	return encoded(t, s)
}

func encoded(t *testing.T, s *generate.Schema) []byte {
	t.Helper()
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestSchemaIsFresh(t *testing.T) { fresh(t, schemaPath, schema(t)) }

func TestDiffSchemaIsFresh(t *testing.T) {
	fresh(t, diffSchemaPath, encoded(t, generated(t, &check.Diff{}, "fairway diff, format 1")))
}

// fresh compares a schema with its file; generating has changed the folder.
func fresh(t *testing.T, path string, got []byte) {
	t.Helper()
	t.Chdir("internal/render")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is stale (`make gen` writes it anew):\n%s", path, d)
	}
}

func TestDiffsAreValid(t *testing.T) {
	s := compiledFrom(t, diffSchemaPath)
	for _, name := range facttest.Scenarios() {
		d := compared(t, facttest.Healthy(), facttest.Scenario(name))
		var b bytes.Buffer
		if err := render.DiffJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		v, err := validate.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		v.(map[string]any)["changes"] = nil
		if s.Validate(v) == nil {
			t.Errorf("%s: a diff without changes is valid", name)
		}
	}
}

func compiled(t *testing.T) *validate.Schema { return compiledFrom(t, schemaPath) }

func compiledFrom(t *testing.T, path string) *validate.Schema {
	t.Helper()
	c := validate.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReportsAreValid(t *testing.T) {
	s := compiled(t)
	for _, name := range facttest.Scenarios() {
		for _, list := range [][]*check.Check{checks(), check.All()} {
			if err := s.Validate(decoded(t, report(t, facttest.Scenario(name), list))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func decoded(t *testing.T, r *check.Report) any {
	t.Helper()
	var b bytes.Buffer
	if err := render.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	v, err := validate.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaRefuses: a schema that takes anything proves nothing.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for name, spoil := range map[string]func(map[string]any){
		"no verdict":           func(r map[string]any) { delete(r, "verdict") },
		"a verdict of its own": func(r map[string]any) { r["verdict"] = "fine" },
		"causes null":          func(r map[string]any) { r["causes"] = nil },
		"a port too high":      func(r map[string]any) { r["probes"].([]any)[0].(map[string]any)["port"] = "8080" },
		"a cause without fix":  func(r map[string]any) { delete(r["causes"].([]any)[0].(map[string]any), "fix") },
		"a time that is none":  func(r map[string]any) { r["taken"] = "yesterday" },
	} {
		r := decoded(t, report(t, facttest.Scenario("fdb-missing"), checks())).(map[string]any)
		spoil(r)
		if s.Validate(r) == nil {
			t.Errorf("%s: valid", name)
		}
	}
}
