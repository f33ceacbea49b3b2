package collect

import (
	"testing"
	"time"
)

func TestPrintk(t *testing.T) {
	for line, want := range map[string]struct {
		since time.Duration
		text  string
	}{
		"<6>[   12.500000] eth0: link up":                   {12500 * time.Millisecond, "eth0: link up"},
		"<4>[100000.25] neighbour: arp_cache: table [full]": {100000*time.Second + 250*time.Millisecond, "neighbour: arp_cache: table [full]"},
		"<6>eth0: link up":                                  {0, ""},
		"":                                                  {0, ""},
		"<6>[NaN] x":                                        {0, ""},
		"<6>[-1.0] x":                                       {0, ""},
		"<6>[":                                              {0, ""},
	} {
		since, text, ok := printk([]byte(line))
		if ok != (want.text != "") || string(text) != want.text || ok && since != want.since {
			t.Errorf("%q: %v %q %t", line, since, text, ok)
		}
	}
}
