package journal

import (
	"testing"
	"time"
)

// TestEmptyFolder: hosts have /var/log/journal and nothing in it.
func TestEmptyFolder(t *testing.T) {
	stats, err := Read(t.Context(), []string{t.TempDir()}, Query{From: time.Unix(0, 0), To: time.Unix(1, 0), Engine: true}, func(Entry) bool { return true })
	if err != nil || stats.Files != 0 || len(stats.Damage) > 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}
