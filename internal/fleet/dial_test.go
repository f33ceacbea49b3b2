package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// answering is a node that answers every request with do, on a bare connection.
func answering(t testing.TB, do func(net.Conn)) Node {
	t.Helper()
	before := runtime.NumGoroutine()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				do(c)
			}()
		}
	}()
	n := Dial("n1", func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	})
	t.Cleanup(func() {
		n.Close()
		l.Close()
		noneLeft(t, before)
	})
	return n
}

func TestBadAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for _, c := range []struct {
		name string
		do   func(net.Conn)
		want string
	}{
		{"nothing", func(net.Conn) {}, "EOF"},
		{"garbage", func(c net.Conn) { io.WriteString(c, "\x00\x01\xffgarbage\r\n\r\n") }, "malformed"},
		{"no JSON", func(c net.Conn) { io.WriteString(c, head+"Content-Length: 5\r\n\r\nhello") }, "invalid character"},
		{"JSON of another kind", func(c net.Conn) { io.WriteString(c, head+"Content-Length: 14\r\n\r\n{\"Node\": \"n1\"}") }, "cannot unmarshal"},
		{"cut off", func(c net.Conn) { io.WriteString(c, head+"Content-Length: 1000\r\n\r\n{\"Node\":{\"ID\":") }, "broke off"},
		{"cut off in a chunk", func(c net.Conn) { io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n40\r\n{\"Node\"") }, "broke off"},
		{"cut off without a length", func(c net.Conn) { io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n{\"Node\":{\"ID\":\"x\"") }, "unexpected end of JSON"},
		{"1 GiB", func(c net.Conn) {
			io.WriteString(c, head+"Content-Length: 1073741824\r\n\r\n")
			io.Copy(c, io.LimitReader(zeros{' '}, 1<<30))
		}, "larger than 64 MiB"},
		{"64 MiB of nothings", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n{\"Gaps\":[")
			io.Copy(c, io.LimitReader(strings.NewReader(strings.Repeat("null,", 10<<20)), 50<<20))
		}, "more than 2097152 parts"},
		{"headers without end", func(c net.Conn) {
			io.WriteString(c, head)
			for range 1 << 16 {
				if _, err := io.WriteString(c, "X-More: more\r\n"); err != nil {
					return
				}
			}
		}, "exceeded 16384 bytes"},
		{"a redirect", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
		}, "answers 307"},
		{"an error page", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found")
		}, "answers 404"},
		{"an error with colours", func(c net.Conn) {
			body := `{"Error":"a\u001b[31mb\nc` + strings.Repeat("x", 1000) + `"}`
			fmt.Fprintf(c, "HTTP/1.1 422 X\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}, "a [31mb cxxx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := answering(t, c.do).Look(t.Context(), LookRequest{})
			wantError(t, err, c.want)
			if got != nil || err == nil || len(err.Error()) > 600 || !strings.HasPrefix(err.Error(), "ask n1 to look: ") {
				t.Errorf("%+v, %.700q", got, fmt.Sprint(err))
			}
		})
	}
}

// TestSlowAnswers: silence, and a byte now and then, end with the context.
func TestSlowAnswers(t *testing.T) {
	for name, do := range map[string]func(net.Conn){
		"silence": func(c net.Conn) { c.Read(make([]byte, 1)) },
		"a drip": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
			for {
				if _, err := c.Write([]byte{' '}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		start := time.Now()
		_, err := answering(t, do).Look(ctx, LookRequest{})
		cancel()
		wantError(t, err, "deadline exceeded")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

// TestKilledInMidAnswer: an agent that dies while it answers costs its answer
// and nobody else's.
func TestKilledInMidAnswer(t *testing.T) {
	dies := answering(t, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
		c.(*net.TCPConn).SetLinger(0)
	})
	hangs := answering(t, func(c net.Conn) { c.Read(make([]byte, 1)) })
	fine := agent(t, fake{look: func(context.Context, LookRequest) (*LookAnswer, error) { return lookOf("n3"), nil }}, Limits{})
	nodes := map[string]Node{"dies": dies, "hangs": hangs, "fine": fine.operator(t)}
	start := time.Now()
	got := All(t.Context(), time.Second, []string{"dies", "hangs", "fine"}, func(ctx context.Context, name string) (*LookAnswer, error) {
		return nodes[name].Look(ctx, LookRequest{})
	})
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, a := range got {
		if (a.Err == nil) != (a.Key == "fine") || (a.Answer != nil) != (a.Key == "fine") {
			t.Errorf("%s: %+v, %v", a.Key, a.Answer, a.Err)
		}
	}
}

// TestWhatGoesOver: what is asked and answered arrives as it was.
func TestWhatGoesOver(t *testing.T) {
	want := lookOf("n1")
	want.Clock = made
	a := agent(t, fake{look: func(_ context.Context, r LookRequest) (*LookAnswer, error) {
		want.Node.Engine.OS = strings.Join(r.Names, "+")
		return want, nil
	}}, Limits{})
	got, err := a.operator(t).Look(t.Context(), LookRequest{Names: []string{"web", "a\"[{b"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Node.Engine.OS != "web+a\"[{b" || !got.Clock.Equal(made) || got.Node.ID != want.Node.ID {
		t.Errorf("%+v", got)
	}
}

// FuzzModest holds the scan to the decoder: it counts no less than what the
// decoder makes, and no more than the text can hold.
func FuzzModest(f *testing.F) {
	for _, s := range []string{"", "[]", `{"a":[1,2,{"b":"],["}]}`, `["\"",1]`, "]]]]", `[[[[`, `"\`, `[null,null,null]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if modest(b, len(b)) != nil && !deep(b) {
			t.Errorf("%q: more parts than bytes", b)
		}
		var v any
		if json.Unmarshal(b, &v) != nil {
			return
		}
		if n := parts(v); n > 0 && modest(b, n-1) == nil {
			t.Errorf("%q: the decoder makes %d parts, the scan finds fewer", b, n)
		}
	})
}

// deep: more opening brackets than may be nested.
func deep(b []byte) bool { return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) >= maxDepth }

// parts is how many lists, objects and further elements there are.
func parts(v any) (n int) {
	switch v := v.(type) {
	case []any:
		n = max(len(v), 1)
		for _, e := range v {
			n += parts(e)
		}
	case map[string]any:
		n = 1
		for _, e := range v {
			n += parts(e)
		}
	}
	return n
}

// TestNoConnection: how long opening a connection may take is not how long an
// answer may.
func TestNoConnection(t *testing.T) {
	n := Dial("n1", func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9747}, Err: os.ErrDeadlineExceeded}
	})
	defer n.Close()
	_, err := n.Hello(t.Context())
	wantError(t, err, "dial tcp 192.0.2.1:9747: i/o timeout")
}
