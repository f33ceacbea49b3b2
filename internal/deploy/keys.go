package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fairway/internal/fleet"
)

// Keys let an operator speak to the agents of one Swarm; all are PEM.
type Keys struct{ CA, Cert, Key []byte }

// Fingerprint is the SHA-256 of the CA, in hex: equal to the service's LabelCA
// where the keys fit its agents.
func (k *Keys) Fingerprint() string {
	content := k.CA
	if block, _ := pem.Decode(k.CA); block != nil {
		content = block.Bytes
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// keyFiles are the files of a key folder; the CA is written last, because it is
// what tells whether they fit.
var keyFiles = []string{"client.key", "client.crt", "ca.crt"}

func (k *Keys) files() []*[]byte { return []*[]byte{&k.Key, &k.Cert, &k.CA} }

// KeyFolder is where the keys for a Swarm are kept, below the operator's
// configuration folder. cluster is the ID of the Swarm.
func KeyFolder(config, cluster string) (string, error) {
	switch {
	case config == "":
		return "", errors.New("find the folder for the operator's key: neither HOME nor XDG_CONFIG_HOME is set")
	case cluster == "" || strings.ContainsFunc(cluster, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }):
		return "", fmt.Errorf("find the folder for the operator's key: the managers call the Swarm %q", cluster)
	}
	return filepath.Join(config, "fairway", cluster), nil
}

// ReadKeys reads the keys of a folder: nil without error when there are none.
func ReadKeys(folder string) (*Keys, error) {
	k := &Keys{}
	for i, part := range k.files() {
		var err error
		*part, err = os.ReadFile(filepath.Join(folder, keyFiles[i]))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the operator's key: %w", err)
		}
	}
	return k, nil
}

// stage writes keys beside those that are there, so that trouble shows before
// anything in the Swarm has changed; commit puts them in place.
func (k *Keys) stage(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("keep the operator's key: %w", err)
	}
	for i, part := range k.files() {
		path := filepath.Join(folder, keyFiles[i]+".new")
		// A file that is there would keep its own mode.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep the operator's key: %w", err)
		}
		if err := os.WriteFile(path, *part, 0o600); err != nil {
			return fmt.Errorf("keep the operator's key: %w", err)
		}
	}
	return nil
}

func commitKeys(folder string) error {
	for _, f := range keyFiles {
		if err := os.Rename(filepath.Join(folder, f+".new"), filepath.Join(folder, f)); err != nil {
			return fmt.Errorf("keep the operator's key: %w", err)
		}
	}
	return nil
}

// dropKeys removes the files with that ending, and the folders that are empty
// then; it reports whether there was a key.
func dropKeys(folder, ending string) (bool, error) {
	found := false
	for _, f := range keyFiles {
		err := os.Remove(filepath.Join(folder, f+ending))
		switch {
		case err == nil:
			found = true
		case !errors.Is(err, fs.ErrNotExist):
			return found, fmt.Errorf("remove the operator's key: %w", err)
		}
	}
	// Folders that hold something else stay.
	_ = os.Remove(folder)
	_ = os.Remove(filepath.Dir(folder))
	return found, nil
}

// newKeys makes a CA, the agents' certificate and the operator's. The CA's own
// key is thrown away: whoever wants more certificates makes a new CA.
func newKeys(random io.Reader, now time.Time) (agents map[string][]byte, operator *Keys, err error) {
	ca, err := fleet.NewAuthority(random, now)
	if err != nil {
		return nil, nil, err
	}
	cert, key, err := ca.Issue(random, now, fleet.ForAgent)
	if err != nil {
		return nil, nil, err
	}
	operator = &Keys{CA: ca.Certificate()}
	if operator.Cert, operator.Key, err = ca.Issue(random, now, fleet.ForOperator); err != nil {
		return nil, nil, err
	}
	return map[string][]byte{"ca": ca.Certificate(), "cert": cert, "key": key}, operator, nil
}
