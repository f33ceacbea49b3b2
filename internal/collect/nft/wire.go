package nft

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
)

// Messages and attributes of nf_tables (linux/netfilter/nf_tables.h, Linux 6.18).
// The numbers never change; newer kernels add to them.
const (
	subsystem = 10 << 8

	msgNewTable = 0
	msgGetTable = 1
	msgNewChain = 3
	msgGetChain = 4
	msgNewRule  = 6
	msgGetRule  = 7
	msgNewSet   = 9
	msgGetSet   = 10
	msgNewElem  = 12
	msgGetElem  = 13
	msgNewGen   = 15
	msgGetGen   = 16

	genID = 1

	tableName  = 1
	tableFlags = 2
	dormant    = 1

	chainTable    = 1
	chainName     = 3
	chainHook     = 4
	chainPolicy   = 5
	chainType     = 7
	chainCounters = 8
	hookNumber    = 1
	hookPriority  = 2
	hookDevice    = 3
	hookDevices   = 4

	ruleTable       = 1
	ruleChain       = 2
	ruleHandle      = 3
	ruleExpressions = 4
	ruleUserData    = 7

	exprName = 1
	exprData = 2

	dataValue    = 1
	dataVerdict  = 2
	verdictCode  = 1
	verdictChain = 2

	listElem = 1

	setTable    = 1
	setName     = 2
	setFlags    = 3
	setKeyLen   = 5
	setDataType = 6
	setDesc     = 9
	descConcat  = 2
	fieldLen    = 1

	elemsTable  = 1
	elemsSet    = 2
	elemsList   = 3
	elemKey     = 1
	elemData    = 2
	elemFlags   = 3
	elemExpr    = 7
	elemKeyEnd  = 10
	elemExprs   = 11
	isEnd       = 1
	isCatchAll  = 2
	genMsgLen   = 4
	counterSize = 8
)

// errGarbled says that the kernel's answer is not built as nf_tables' answers are.
var errGarbled = errors.New("an answer of nf_tables makes no sense")

// attrs are the attributes of one level by their number; nil where one is absent.
type attrs [32][]byte

// attributes takes a level apart. Of an attribute that comes twice the last
// counts; those above the array are told by more.
func attributes(b []byte) (a attrs, more, ok bool) {
	ok = each(b, func(typ uint16, data []byte) bool {
		if int(typ) >= len(a) {
			more = true
			return true
		}
		a[typ] = data
		return true
	})
	return a, more, ok
}

// each calls do for every attribute, without the flags of its number, until do
// says no. It reports whether all were whole and liked.
func each(b []byte, do func(typ uint16, data []byte) bool) bool {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return false
		}
		if !do(binary.NativeEndian.Uint16(b[2:])&0x3fff, b[4:n:n]) {
			return false
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return len(b) == 0
}

// isNumber: of a length that numbers have.
func isNumber(b []byte) bool { return len(b) == 1 || len(b) == 2 || len(b) == 4 || len(b) == 8 }

// value reads a number, which nf_tables sends big-endian; what is absent or no
// number is 0.
func value(b []byte) (n uint64) {
	if isNumber(b) {
		for _, c := range b {
			n = n<<8 | uint64(c)
		}
	}
	return n
}

// text reads a string up to its terminating zero.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// attribute appends one attribute to a request.
func attribute(b []byte, typ uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// request makes a question about a family (0: all).
func request(msg uint16, family uint8, flags netlink.HeaderFlags, attributes []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(subsystem | msg), Flags: netlink.Request | flags},
		Data:   append([]byte{family, 0, 0, 0}, attributes...),
	}
}
