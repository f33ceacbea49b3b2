package fact

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"
)

// sentences are the strings in which originals are only looked for: whoever adds a
// string to the facts decides whether it is one.
var sentences = []string{"Container.ResolvConfPath", "Container.SandboxKey", "DNSProbe.Err", "DataPathProbe.Err", "Engine.RootDir", "EngineSwarm.Error",
	"Gap.Do", "Gap.Reason", "LogLine.Text", "LogSource.Damage", "LogSource.Name", "MTUProbe.Err", "Match.Text", "PeerProbe.Err", "Request.Err", "Request.Note",
	"Service.UpdateMessage", "Socket.Owner", "Statement.Text", "Snapshot.Changed", "SwarmNode.Message", "Sysctl.Value", "TCPProbe.Err", "Target.Text", "Task.Err", "Task.Message",
	"Window.Why"}

func TestEveryStringHasItsPlace(t *testing.T) {
	found := map[string]bool{}
	seen := map[reflect.Type]bool{}
	stringsOf(reflect.TypeFor[Snapshot](), "", seen, found)
	for _, field := range slices.Sorted(maps.Keys(found)) {
		_, placed := fields[field]
		if sentence := slices.Contains(sentences, field); placed == sentence {
			t.Errorf("%s: in the table of places %t, in this test's list of sentences %t; one of them", field, placed, sentence)
		}
	}
	for field := range fields {
		if !found[field] {
			t.Errorf("%s has a place and is not there", field)
		}
	}
}

// stringsOf finds the fields of type string below a type.
func stringsOf(t reflect.Type, field string, seen map[reflect.Type]bool, found map[string]bool) {
	switch {
	case t == reflect.TypeFor[string]():
		found[field] = true
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice:
		stringsOf(t.Elem(), field, seen, found)
	case t.Kind() == reflect.Map:
		panic(field + ": maps are not walked through")
	case t.Kind() == reflect.Struct && !seen[t] && t != reflect.TypeFor[time.Time]():
		seen[t] = true
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				stringsOf(f.Type, t.Name()+"."+f.Name, seen, found)
			}
		}
	}
}
