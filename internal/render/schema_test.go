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

const schemaPath = "../../docs/report.schema.json"

// values are the words that a field of each of these types may hold.
var values = map[reflect.Type][]any{
	reflect.TypeFor[check.Verdict]():   {check.VerdictOK, check.VerdictFailed, check.VerdictUnknown},
	reflect.TypeFor[check.Answer]():    {check.OK, check.Failed, check.Unknown},
	reflect.TypeFor[check.Certainty](): {check.Proof, check.Strong, check.Hint},
	reflect.TypeFor[fact.Outcome]():    {fact.Open, fact.Refused, fact.Timeout, fact.Unreachable, fact.ProbeError},
}

// schema is generated here and not in the program, which has no use for it.
func schema(t *testing.T) []byte {
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
	s := r.Reflect(&check.Report{})
	s.ID, s.Title = "", "fairway report, format 1"
	reachable, ok := s.Definitions["Task"].Properties.Get("reachable")
	if !ok {
		t.Fatal("tasks have no field reachable")
	}
	reachable.Type, reachable.OneOf = "", []*generate.Schema{{Type: "boolean"}, {Type: "null"}}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestSchemaIsFresh(t *testing.T) {
	got := schema(t)
	t.Chdir("internal/render")
	if *update {
		if err := os.WriteFile(schemaPath, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("docs/report.schema.json is stale (`make gen` writes it anew):\n%s", d)
	}
}

func compiled(t *testing.T) *validate.Schema {
	t.Helper()
	c := validate.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(schemaPath)
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
