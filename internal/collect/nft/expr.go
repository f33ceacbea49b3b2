package nft

import "slices"

// expr is one expression of a rule. It is known when its name is and every
// attribute too, none above the array and none of a length that numbers have not.
type expr struct {
	name  string
	a     attrs
	known bool
}

// Attributes of the expressions that are read, by their kernel numbers.
const (
	payloadDReg, payloadBase, payloadOffset, payloadLen, payloadSReg = 1, 2, 3, 4, 5
	metaDReg, metaKey, metaSReg                                      = 1, 2, 3
	ctDReg, ctKey, ctDirection, ctSReg                               = 1, 2, 3, 4
	fibDReg, fibResult, fibFlags                                     = 1, 2, 3
	rtDReg, rtKey                                                    = 1, 2
	byteSReg, byteDReg, byteOp, byteLen, byteSize                    = 1, 2, 3, 4, 5
	bitSReg, bitDReg, bitLen, bitMask, bitXor, bitOp                 = 1, 2, 3, 4, 5, 6
	immDReg, immData                                                 = 1, 2
	cmpSReg, cmpOp, cmpData                                          = 1, 2, 3
	rangeSReg, rangeOp, rangeFrom, rangeTo                           = 1, 2, 3, 4
	lookupSet, lookupSReg, lookupDReg, lookupFlags                   = 1, 2, 3, 5
	extName, extRev, extInfo                                         = 1, 2, 3
	limitRate, limitUnit, limitBurst, limitType, limitFlags          = 1, 2, 3, 4, 5
	logPrefix                                                        = 2
	natType, natFamily, natAddrMin, natAddrMax                       = 1, 2, 3, 4
	natProtoMin, natProtoMax, natFlags                               = 5, 6, 7
	masqFlags, masqProtoMin, masqProtoMax                            = 1, 2, 3
	redirProtoMin, redirProtoMax, redirFlags                         = 1, 2, 3
	rejectType, rejectCode                                           = 1, 2
	queueNum, queueTotal, queueFlags, queueSReg                      = 1, 2, 3, 4
	objType, objName                                                 = 1, 2
	hdrDReg, hdrType, hdrOffset, hdrLen, hdrOp, hdrSReg              = 1, 2, 3, 4, 6, 7
	numgenDReg, hashDReg                                             = 1, 2
)

// form is what is known of an expression's attributes: those that are numbers
// (padding too), and those that are not.
type form struct{ numbers, others []int }

// forms are the expressions that are known. What is not in here is opaque as a
// whole.
var forms = map[string]form{
	"bitwise":   {[]int{1, 2, 3, 6}, []int{4, 5, 7}},
	"byteorder": {[]int{1, 2, 3, 4, 5}, nil},
	"cmp":       {[]int{1, 2}, []int{3}},
	"counter":   {[]int{1, 2}, []int{3}},
	"ct":        {[]int{1, 2, 3, 4}, nil},
	"exthdr":    {[]int{1, 2, 3, 4, 5, 6, 7}, nil},
	"fib":       {[]int{1, 2, 3}, nil},
	"hash":      {[]int{1, 2, 3, 4, 5, 6, 7}, nil},
	"immediate": {[]int{1}, []int{2}},
	"last":      {[]int{1, 2}, []int{3}},
	"limit":     {[]int{1, 2, 3, 4, 5}, []int{6}},
	"log":       {[]int{1, 3, 4, 5, 6}, []int{2}},
	"lookup":    {[]int{2, 3, 4, 5}, []int{1}},
	"masq":      {[]int{1, 2, 3}, nil},
	"match":     {[]int{2}, []int{1, 3}},
	"meta":      {[]int{1, 2, 3}, nil},
	"nat":       {[]int{1, 2, 3, 4, 5, 6, 7}, nil},
	"notrack":   {},
	"numgen":    {[]int{1, 2, 3, 4}, nil},
	"objref":    {[]int{1}, []int{2}},
	"payload":   {[]int{1, 2, 3, 4, 5, 6, 7, 8}, nil},
	"queue":     {[]int{1, 2, 3, 4}, nil},
	"range":     {[]int{1, 2}, []int{3, 4}},
	"redir":     {[]int{1, 2, 3}, nil},
	"reject":    {[]int{1, 2}, nil},
	"rt":        {[]int{1, 2}, nil},
	"target":    {[]int{2}, []int{1, 3}},
}

// maxExprs is the kernel's own bound for one rule (NFT_RULE_MAXEXPRS).
const maxExprs = 128

// expressions takes a rule's list apart until do says no. It reports whether the
// list was whole.
func expressions(list []byte, do func(*expr) bool) bool {
	n, stopped := 0, false
	whole := each(list, func(typ uint16, data []byte) bool {
		a, more, ok := attributes(data)
		if n++; !ok || more || typ != listElem || a[exprName] == nil || n > maxExprs {
			return false
		}
		stopped = !do(expression(text(a[exprName]), a[exprData]))
		return !stopped
	})
	return whole || stopped
}

func expression(name string, data []byte) *expr {
	f, known := forms[name]
	e := &expr{name: name}
	if !known {
		return e
	}
	var more bool
	e.a, more, e.known = attributes(data)
	e.known = e.known && !more
	for typ, b := range e.a {
		switch {
		case b == nil, slices.Contains(f.others, typ):
		case !slices.Contains(f.numbers, typ) || !isNumber(b):
			e.known = false
		}
	}
	return e
}

// has reports whether an attribute is there.
func (e *expr) has(typ int) bool { return e.a[typ] != nil }

// n is a number of up to 32 bits, 0 when absent.
func (e *expr) n(typ int) uint32 { return uint32(value(e.a[typ])) }

// data is a value as registers hold it, nil when absent or none.
func (e *expr) data(typ int) []byte {
	a, more, ok := attributes(e.a[typ])
	if !ok || more {
		return nil
	}
	return a[dataValue]
}
