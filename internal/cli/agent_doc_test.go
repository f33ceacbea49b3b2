package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityDocIsTrue holds docs/security.md to the tree: every file it names
// is there, and every name in code that follows a file on the same line is in
// it.
func TestSecurityDocIsTrue(t *testing.T) {
	root := filepath.Join("..", "..")
	doc, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	name := regexp.MustCompile(`^[A-Za-z]\w+$`)
	files, names := 0, 0
	for line := range strings.Lines(string(doc)) {
		var file, content string
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			switch word := m[1]; {
			case strings.HasSuffix(word, ".go"):
				b, err := os.ReadFile(filepath.Join(root, word))
				if err != nil {
					t.Errorf("%v", err)
				}
				file, content = word, string(b)
				files++
			case file != "" && name.MatchString(word) && word != "host" && word != "remove":
				if !regexp.MustCompile(`\b` + word + `\b`).MatchString(content) {
					t.Errorf("%s is not in %s", word, file)
				}
				names++
			}
		}
	}
	if files < 30 || names < 40 {
		t.Errorf("the page names %d files and %d things in them", files, names)
	}
}
