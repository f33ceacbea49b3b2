package said

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"fairway/internal/fact"
)

func TestSurvey(t *testing.T) {
	for _, p := range os.Args {
		_ = p
	}
	f, err := os.Open(os.Getenv("SURVEY"))
	if err != nil {
		t.Skip()
	}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<24)
	n := map[string]int{}
	ex := map[string]fact.Statement{}
	for sc.Scan() {
		s, ok := Read(fact.FromEngine, time.Time{}, sc.Text())
		if !ok {
			if os.Getenv("MISS") != "" {
				fmt.Println("MISS", sc.Text())
			}
			continue
		}
		k := s.ID
		if s.Benign {
			k += " (benign)"
		}
		n[k]++
		ex[k] = s
	}
	for k, c := range n {
		s := ex[k]
		fmt.Printf("HIT %6d %-34s peer=%s addr=%s net=%s count=%d stats=%+v | %.170s\n", c, k, s.Peer, s.Addr, s.Network, s.Count, s.Stats, s.Text)
	}
}
