package collect

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"fairway/internal/fact"
)

// TestWithoutRootIsSaidPlainly: that nothing is proven is no sentence for somebody
// who forgot sudo, and an agent would do instead.
func TestWithoutRootIsSaidPlainly(t *testing.T) {
	p := proof{req: &KernelRequest{Node: "n1"}, tried: 1, refused: fmt.Errorf("open namespace x: %w", fs.ErrPermission)}
	g := p.gap()
	if g.Class != fact.ClassPermission || !strings.HasPrefix(g.Reason, "this user may not read the kernel: open namespace x") ||
		!strings.Contains(g.Do, "as root, or `fairway deploy`") {
		t.Errorf("%s: %s → %s", g.Class, g.Reason, g.Do)
	}
}
