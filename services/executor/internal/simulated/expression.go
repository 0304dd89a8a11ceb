package simulated

import (
	"strconv"
	"strings"
)

// expression is shell arithmetic on whole numbers and RANDOM, in postfix order.
type expression []operation

type operation struct {
	op     operator
	number int64
}

type operator uint8

const (
	opNumber operator = iota + 1
	opRandom
	opAdd
	opSubtract
	opMultiply
	opDivide
	opRemainder
)

// depthMax bounds the stack of an expression, and with it how deep one may be.
const depthMax = 16

// value computes the expression. A division by zero gives zero.
func (e expression) value(random *dice) int64 {
	var stack [depthMax]int64
	top := -1
	for _, o := range e {
		switch o.op {
		case opNumber:
			top++
			stack[top] = o.number
		case opRandom:
			top++
			stack[top] = random.roll()
		default:
			top--
			stack[top] = o.op.apply(stack[top], stack[top+1])
		}
	}
	if top != 0 {
		return 0
	}
	return stack[0]
}

func (o operator) apply(a, b int64) int64 {
	switch o {
	case opAdd:
		return a + b
	case opSubtract:
		return a - b
	case opMultiply:
		return a * b
	case opDivide:
		if b != 0 {
			return a / b
		}
	case opRemainder:
		if b != 0 {
			return a % b
		}
	case opNumber, opRandom:
	}
	return 0
}

// expressionParser reads infix arithmetic. One is used once.
type expressionParser struct {
	rest string
	// nested is how many parentheses are open.
	nested int
	out    expression
	ok     bool
}

// parseExpression reads what stands between $(( and )). It says false for what it
// does not understand, and for what is deeper than depthMax.
func parseExpression(text string) (expression, bool) {
	p := &expressionParser{rest: text, ok: true}
	p.sum()
	if p.next() != 0 || !p.ok || p.out.depth() > depthMax {
		return nil, false
	}
	return p.out, true
}

// depth is the most that its stack holds.
func (e expression) depth() int {
	most, n := 0, 0
	for _, o := range e {
		if o.op == opNumber || o.op == opRandom {
			n++
		} else {
			n--
		}
		most = max(most, n)
	}
	return most
}

// next is the first byte that is no blank; zero at the end.
func (p *expressionParser) next() byte {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *expressionParser) sum() {
	p.product()
	for {
		switch p.next() {
		case '+':
			p.operate(opAdd, p.product)
		case '-':
			p.operate(opSubtract, p.product)
		default:
			return
		}
	}
}

func (p *expressionParser) product() {
	p.operand()
	for {
		switch p.next() {
		case '*':
			p.operate(opMultiply, p.operand)
		case '/':
			p.operate(opDivide, p.operand)
		case '%':
			p.operate(opRemainder, p.operand)
		default:
			return
		}
	}
}

func (p *expressionParser) operate(op operator, operand func()) {
	p.rest = p.rest[1:]
	operand()
	p.out = append(p.out, operation{op: op})
}

// operand reads a number, a variable, or what stands in parentheses.
func (p *expressionParser) operand() {
	switch c := p.next(); {
	case c == '(' && p.nested < depthMax:
		p.nested++
		p.rest = p.rest[1:]
		p.sum()
		p.nested--
		if p.next() != ')' {
			p.ok, p.rest = false, ""
			return
		}
		p.rest = p.rest[1:]
	case c >= '0' && c <= '9':
		digits := len(p.rest) - len(strings.TrimLeft(p.rest, "0123456789"))
		n, err := strconv.ParseInt(p.rest[:digits], 10, 64)
		if err != nil {
			p.ok = false
		}
		p.rest = p.rest[digits:]
		p.out = append(p.out, operation{op: opNumber, number: n})
	default:
		rest := strings.TrimPrefix(p.rest, "$")
		after, random := strings.CutPrefix(rest, "RANDOM")
		if !random {
			p.ok, p.rest = false, ""
			return
		}
		p.rest = after
		p.out = append(p.out, operation{op: opRandom})
	}
}

// dice give the numbers of a shell's RANDOM, 0 to 32767, from a seed.
type dice struct{ state uint64 }

// roll is the next number (splitmix64, its highest bits).
func (d *dice) roll() int64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int64((z ^ z>>31) >> 49) //nolint:gosec // 15 bits
}
