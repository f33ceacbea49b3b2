package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestImageIntoABadPlace(t *testing.T) {
	dir := t.TempDir()
	for path, says := range map[string]string{
		filepath.Join(dir, "none", "x.tar"): "make a file in " + filepath.Join(dir, "none") + ": no such file or directory",
		dir:                                 dir + " is a folder: name a file in it",
	} {
		if _, err := writeFile(path, nil); err == nil || err.Error() != says || strings.Contains(err.Error(), ".fairway-image") {
			t.Errorf("%s: %v, want %q", path, err, says)
		}
	}
}
