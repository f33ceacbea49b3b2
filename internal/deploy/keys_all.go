package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// most is how many Swarms' keys are tried where nobody says which one it is.
const most = 8

// AllKeys reads the keys for every Swarm below the operator's configuration
// folder, at most eight.
func AllKeys(config string) ([]*Keys, error) {
	if config == "" {
		return nil, nil
	}
	all := filepath.Join(config, "fairway")
	folders, err := os.ReadDir(all)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the operator's keys: %w", err)
	}
	var out []*Keys
	for _, f := range folders {
		if !f.IsDir() || len(out) == most {
			continue
		}
		k, err := ReadKeys(filepath.Join(all, f.Name()))
		if err != nil {
			return out, err
		}
		if k != nil {
			out = append(out, k)
		}
	}
	return out, nil
}
