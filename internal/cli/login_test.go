package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/authconfig"
)

func TestLogin(t *testing.T) {
	dir := t.TempDir()
	config := `{"auths": {"reg.example:5000": {"auth": "b3A6czNjcmV0"}, "https://index.docker.io/v1/": {"auth": "aHViOnB3"}, "empty.example": {}},
		"credHelpers": {"broken.example": "fairway-there-is-none"}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	env := Env{Getenv: func(k string) string { return map[string]string{"DOCKER_CONFIG": dir}[k] }}
	for image, user := range map[string]string{"reg.example:5000/ops/fairway:1": "op", "docker.io/ops/fairway:1": "hub"} {
		encoded, err := login(env, image)
		if err != nil {
			t.Errorf("%s: %v", image, err)
			continue
		}
		a, err := authconfig.Decode(encoded)
		if err != nil || a.Username != user || a.Password == "" {
			t.Errorf("%s: user %q, %v; want %s", image, a.Username, err, user)
		}
	}
	for image, says := range map[string]string{
		"other.example/fairway:1":  "no login of other.example is in " + dir + "/config.json: `docker login other.example` first",
		"empty.example/fairway:1":  "no login of empty.example",
		"broken.example/fairway:1": "ask the credential helper for the login of broken.example",
	} {
		if encoded, err := login(env, image); encoded != "" || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", image, err, says)
		}
	}
	if _, err := login(Env{Getenv: func(string) string { return "" }}, "reg.example/x:1"); err == nil {
		t.Error("without a home there is a login")
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths": "s3cret`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := login(env, "reg.example/x:1"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("garbled: %v", err)
	}
}
