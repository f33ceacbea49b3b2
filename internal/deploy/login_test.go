package deploy

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestLoginGoesAlongAndNowhereElse: the engine gets it with the service, as its
// header for that; no line for the operator and no part of the service has it.
func TestLoginGoesAlongAndNowhereElse(t *testing.T) {
	f := newFake()
	var got []string
	f.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/services/") && r.Method == http.MethodPost {
			got = append(got, r.Header.Get("X-Registry-Auth"))
		} else if r.Header.Get("X-Registry-Auth") != "" {
			t.Errorf("%s %s got the login, too", r.Method, r.URL.Path)
		}
		return false
	}
	s, said := f.start(t)
	for _, login := range []string{"c2VjcmV0", "c2VjcmV0", ""} {
		s.Login = login
		if _, err := s.Deploy(t.Context(), somePlan()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, []string{"c2VjcmV0", "c2VjcmV0"}) {
		t.Errorf("the engine got %q, want it with the creation and the change", got)
	}
	service, err := json.Marshal(f.service)
	if all := said.String() + string(service); err != nil || strings.Contains(all, "c2VjcmV0") {
		t.Errorf("%v, the login is in\n%s", err, all)
	}
}
