package said

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Lines of each engine's own, from labs, but for those marked otherwise; the keys in
// them are made up.
var secretLines = []struct {
	name, line, secret string
	// keeps must still be there.
	keeps []string
}{
	{"26.1 gossip keys at start, info",
		`time="2026-11-23T11:18:39.289099100Z" level=info msg="New memberlist node - Node:n1 will use memberlist nodeID:2a16cad9c4c1 with config:&{NodeID:2a16cad9c4c1 Hostname:n1 BindAddr:0.0.0.0 AdvertiseAddr:10.77.0.11 BindPort:0 Keys:[[1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16] [101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116] [201 202 203 204 205 206 207 208 209 210 211 212 213 214 215 216]] PacketBufferSize:1400 reapEntryInterval:1800000000000}"`,
		"102 103 104", []string{"Node:n1", "2a16cad9c4c1", "AdvertiseAddr:10.77.0.11", "PacketBufferSize:1400"}},
	{"the same, cut off", `level=info msg="New memberlist node with config:&{Keys:[[11 12 13 14 15`, "13 14", nil},
	{"first digits of gossip keys, debug", `time="2026-11-23T11:18:39.289107873Z" level=debug msg="Encryption key 1: 01020"`, "01020", []string{"Encryption key 1"}},
	{"rotation", `time="2026-11-23T11:18:39Z" level=debug msg="Primary Key a6bdc"`, "a6bdc", nil},
	{"rotation, adding", `level=debug msg="Adding key a6bdc"`, "a6bdc", nil},
	{"first digits of data keys, debug",
		`level=debug msg="Initial encryption keys: [(key: 00010, tag: 0x6d9e) (key: a0a0a, tag: 0x6d9d) (key: b0b0b, tag: 0x6d9f)]"`,
		"a0a0a", []string{"tag: 0x6d9d"}},
	{"29 data keys (source)", `level=debug msg="Set initial encryption keys" driver=overlay keys="[(key: 00010, tag: 0x6d9e)]"`, "00010", []string{"driver=overlay"}},
	{"26.1 state of encryption, warning",
		`time="2026-11-23T11:18:45.928721725Z" level=warning msg="Failed Adding rSA{Dst: 10.77.0.11, Src: 10.77.0.13, Proto: esp, Mode: transport, SPI: 0xac0fe8fc, ReqID: 0xd0c4e3, ReplayWindow: 0, Mark: <nil>, OutputMark: <nil>, Ifid: 0, Auth: <nil>, Crypt: <nil>, Aead: {Name: rfc4106(gcm(aes)), Key: 0x000102030405060708090a0b0c0d0e0f10111213, ICV length: 64}, Encap: <nil>, ESN: false, DontEncapDSCP: false, OSeqMayWrap: false, Replay: <nil>}: function not implemented"`,
		"0001020304050607", []string{"Dst: 10.77.0.11", "Src: 10.77.0.13", "SPI: 0xac0fe8fc", "ICV length: 64", "function not implemented"}},
	{"what a client sent, to 27 (debug)",
		`time="2026-11-23T11:18:45.059723604Z" level=debug msg="form data: {\"EndpointSpec\":{\"Mode\":\"vip\"},\"Labels\":{},\"Name\":\"sec\",\"TaskTemplate\":{\"ContainerSpec\":{\"Env\":[\"HOUSE=canary in the mine\"]}}}"`,
		"canary", []string{"form data"}},
	{"what a client sent, since 28",
		`time="2026-11-23T11:18:45Z" level=debug msg="handling POST request" form-data="{\"Env\":[\"HOUSE=canary in the mine\"]}" method=POST module=api request-url=/v1.51/services/create vars="map[]"`,
		"canary", []string{"method=POST", "request-url=/v1.51/services/create"}},
	{"the same, JSON",
		`{"form-data":{"Env":["HOUSE=canary {in the] mine"]},"level":"debug","method":"POST","msg":"handling POST request","time":"2026-11-23T11:18:45Z"}`, "canary", nil},
	{"a whole task (debug)",
		`level=debug msg="Creating service config in agent for t = &Task{ID:yxr779ip79epibuom3kkpxoj1,Meta:Meta{},Spec:{TaskSpec_Container{Container:&ContainerSpec{Image:echo:latest,Labels:map[string]string{a: b,},Env:[HOUSE=canary in] the mine],Dir:,}}}}"`,
		"canary", []string{"yxr779ip79epibuom3kkpxoj1"}},
	{"an environment in another dump", `level=debug msg="spec Env:[HOUSE=canary OTHER=b],Dir:/srv"`, "canary", []string{"Dir:/srv"}},
	{"join token", `level=error msg="join failed" error="invalid token SWMTKN-1-2x9k1ycanaryq0-abcdef012345"`, "canary", []string{"SWMTKN-"}},
	{"unlock key", `swarm unlock failed: SWMKEY-1-7c37Cc8654canary6cR9XL6f`, "canary", []string{"SWMKEY-"}},
	{"registry auth header", `headers map[X-Registry-Auth:[eyJ1c2VybmFtZSI6ImNhbmFyeSJ9] User-Agent:[docker/26]]`, "eyJ1c2Vy", []string{"User-Agent"}},
	{"registry auth, JSON", `{"auths":{"reg.example":{"auth":"Y2FuYXJ5OmNhbmFyeQ=="}}}`, "Y2FuYXJ5", []string{"reg.example"}},
	{"the same, quoted twice", `msg="config {\"auths\":{\"reg.example\":{\"auth\":\"Y2FuYXJ5OmNhbmFyeQ==\",\"email\":\"a@b\"}}}"`, "Y2FuYXJ5", []string{"reg.example", "a@b"}},
	{"identity token", `{"identitytoken":"canary-1","serveraddress":"reg.example"}`, "canary", []string{"reg.example"}},
	{"authorization header", `request failed: Authorization: Bearer canary1.x.y to 10.0.0.1:5000`, "canary", []string{"10.0.0.1:5000"}},
	{"basic, in a map", `map[Authorization:[Basic Y2FuYXJ5OmNhbmFyeQ==] Accept:[*/*]]`, "Y2FuYXJ5", []string{"Accept"}},
	{"bearer alone", `sent bearer canary.abcDEF.123 twice`, "canary", []string{"twice"}},
	{"user and password in a URL", `Get "https://canary:s3cr@t@reg.example:5000/v2/": dial tcp 10.1.2.3:5000: i/o timeout`, "canary", []string{"reg.example:5000/v2/", "10.1.2.3:5000"}},
	{"an environment's name", `exec failed: PASSWORD=canary in the mine HOME=/srv`, "canary", []string{"HOME=/srv"}},
	{"its value's end", `exec failed: DB_PASSWORD=two words canary`, "canary", nil},
	{"in quotes", `msg="run [\"API_TOKEN=canary mine\",\"A=b\"]"`, "canary", []string{"A=b"}},
	{"a key", `AWS_SECRET_ACCESS_KEY=canary/abc AWS_REGION=eu`, "canary", []string{"AWS_REGION=eu"}},
	{"a field", `level=info msg=x password="can\"ary canary" node.id=abc`, "ary", []string{"node.id=abc"}},
	{"a flag", `exec: docker login --password canary --username joe`, "canary", []string{"joe"}},
	{"a private key", `msg="bad key -----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIcanary\n-----END EC PRIVATE KEY----- in file x"`, "canary", []string{"in file x"}},
	{"the same, cut off", `bad key -----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIcanary`, "canary", nil},
	{"a line of it", `MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5canaryggWoTMM5gLNoAoGCCqGSM49`, "canary", nil},
	{"bytes", `key material [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 222]`, "222", nil},
	{"bytes as Go writes them", `[]byte{0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0x9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf, 0xfe}`, "0xfe", nil},
	{"a label that is a token", `Labels:map[string]string{note: dckr_pat_AbCdEfGhIjKlMnOpcanary,}`, "canary", nil},
	{"what a health check printed", `{"Health":{"Status":"unhealthy","Log":[{"ExitCode":1,"Output":"canary said no"}]}}`, "canary", []string{"unhealthy"}},
}

func TestMask(t *testing.T) {
	for _, c := range secretLines {
		t.Run(c.name, func(t *testing.T) {
			got := Mask(c.line)
			if strings.Contains(got, c.secret) {
				t.Errorf("%q survives in %s", c.secret, got)
			}
			if !strings.Contains(c.line, c.secret) {
				t.Errorf("%q was not in the line", c.secret)
			}
			for _, k := range c.keeps {
				if !strings.Contains(got, k) {
					t.Errorf("%q is gone from %s", k, got)
				}
			}
			holds(t, c.line)
		})
	}
}

// Nothing of these is a secret, and engineers need it.
func TestMaskKeeps(t *testing.T) {
	for _, line := range []string{
		`level=info msg="memberlist: Suspect 2a16cad9c4c1 has failed, no acks received"`,
		`level=warning msg="peerDbAdd transient condition - Key:10.0.1.7 02:42:0a:00:01:07 cardinality:2 db state:Set{{10.77.0.12 true}}"`,
		`level=debug msg="addServiceBinding from handleEpTableEvent START for web 3f0 p:0xc0004 nid:kd35 skey:{56b8 []}"`,
		`level=debug msg="sandbox" SandboxKey=/var/run/docker/netns/1-kd35zt2x94`,
		`level=error msg="no such entry with key:0f3c in table endpoint_table"`,
		`level=error msg="pulling failed" error="Get \"https://registry.example/v2/\": dial tcp: lookup registry.example on 127.0.0.1:53: read: connection refused"`,
		`www-authenticate: Bearer realm="https://auth.example/token",service="registry.example"`,
		`basic authentication required`,
		`level=info msg="NetworkDB stats n1(2a16cad9c4c1) - netID:kd35 leaving:false netPeers:3 entries:12 Queue qLen:0+0 netMsg/s:0"`,
		`container 1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b1dad`,
		`1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b1dad2f0f5c8b1dad`,
		`SPI(FWD: 0xac0fe8fc, REV: 0x6d9e)`,
		``,
	} {
		if got := Mask(line); got != line {
			t.Errorf("changed:\n%s\n%s", line, got)
		}
	}
}

// holds checks what is true of masking any text.
func holds(t interface {
	Helper()
	Errorf(string, ...any)
}, text string) {
	t.Helper()
	got := Mask(text)
	if again := Mask(got); again != got {
		t.Errorf("masking twice differs:\n%q\n%q\n%q", text, got, again)
	}
	// The shortest secret is one byte behind a mark of at least four.
	if most := 4*len(text) + 2*len(masked); len(got) > most {
		t.Errorf("%d bytes became %d: %q", len(text), len(got), text)
	}
}

// forms put a secret into what surrounds it in logs; %s is its place.
var forms = []string{
	"SWMTKN-1-%s", "join SWMTKN-1-%s-abc now", "SWMKEY-1-%s", `{"JoinToken":"SWMTKN-1-%s"}`,
	"Aead: {Name: rfc4106(gcm(aes)), Key: 0x%s, ICV length: 64}", "(key: %s, tag: 0x6d9e)", "Authorization: Bearer %s",
	"map[X-Registry-Auth:[%s] A:[b]]", `X-Registry-Auth: %s`, `{"auth":"%s"}`, `{\"auth\":\"%s\"}`, `{"password": "%s"}`, `\"identitytoken\":\"%s\"`,
	"https://%s@host/", "https://user:%s@host:5000/v2/", "PASSWORD=%s", "A=1 DB_PASSWORD=%s B=2", `["API_TOKEN=%s","B=2"]`, `[\"MY_SECRET=%s\"]`,
	`level=info msg=x token=%s node=y`, "SOME_KEY=%s", "form data: {\"a\":\"%s\"}", `level=debug form-data="{\"a\":\"%s\"}" method=POST`,
	"-----BEGIN RSA PRIVATE KEY-----%s-----END RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----\n%s", "Env:[A=%s],Dir:", "Env:[A=%s",
	`Creating service config in agent for t = &Task{ID:abc,X:%s}`, "--password %s x", "eyJ0eXAiOiJKV1Qi%s", "dckr_pat_0123456789ab%s",
	`"Health":{"Log":[{"Output":"%s"}]}`,
}

func TestMaskLeavesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9]{6,40}`).Draw(t, "secret")
		before := rapid.StringMatching(`[ -~]{0,20}[ ]`).Draw(t, "before")
		after := rapid.StringMatching(`[ ][ -~]{0,20}`).Draw(t, "after")
		form := rapid.SampledFrom(forms).Draw(t, "form")
		line := before + strings.Replace(form, "%s", secret, 1) + after
		if got := Mask(line); strings.Contains(got, secret) && !strings.Contains(before+form+after, secret) {
			t.Fatalf("%q survives: %s", secret, got)
		}
		holds(t, line)
	})
}

func FuzzMask(f *testing.F) {
	for _, c := range secretLines {
		f.Add(c.line)
	}
	for _, form := range forms {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 1<<16 {
			holds(t, text)
		}
	})
}
