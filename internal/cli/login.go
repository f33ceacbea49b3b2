package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
)

// login is the operator's login of an image's registry, as an engine takes it
// along with a service, from where `docker login` has put it, credential helpers
// included. It goes nowhere else: no message, no file, no label has it.
func login(env Env, image string) (string, error) {
	host, _, _ := strings.Cut(image, "/")
	dir := env.Getenv("DOCKER_CONFIG")
	if dir == "" && env.Home != "" {
		dir = filepath.Join(env.Home, ".docker")
	}
	missing := fmt.Errorf("no login of %s is in %s: `docker login %[1]s` first, as the same user", host, filepath.Join(dir, "config.json"))
	if dir == "" {
		return "", missing
	}
	file, err := config.Load(dir)
	if err != nil {
		return "", fmt.Errorf("read the login of %s: %w", host, err)
	}
	key := host
	if host == "docker.io" || host == "index.docker.io" {
		key = "https://index.docker.io/v1/" // Docker Hub's, since ever
	}
	a, err := file.GetAuthConfig(key)
	if err != nil {
		return "", fmt.Errorf("ask the credential helper for the login of %s: %w", host, err)
	}
	if a.Username+a.Password+a.Auth+a.IdentityToken+a.RegistryToken == "" {
		return "", missing
	}
	encoded, err := authconfig.Encode(registry.AuthConfig{Username: a.Username, Password: a.Password, Auth: a.Auth,
		ServerAddress: a.ServerAddress, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken})
	if err != nil {
		return "", fmt.Errorf("encode the login of %s: %w", host, err)
	}
	return encoded, nil
}
