package simulated

import (
	"path"
	"strconv"
	"strings"
	"time"
)

// program is a command of a container, read once for each spec. It knows the few
// commands that decide how long a pod lives and how it ends.
type program []statement

// statement is one command and when it is run.
type statement struct {
	when condition
	do   action
	// sleep are the arguments of a sleep, which add up.
	sleep []nap
	// code is that of an exit; negative: the status so far.
	code int32
}

// nap is a number of units, each of some nanoseconds.
type nap struct {
	number expression
	unit   int64
}

// sleepMax is the longest that a program sleeps in all: ten years.
const sleepMax = 10 * 365 * 24 * time.Hour

// long is how long it takes, with numbers for its RANDOM.
func (n nap) long(random *dice) time.Duration {
	number := max(0, n.number.value(random))
	if number > int64(sleepMax)/n.unit {
		return sleepMax
	}
	return time.Duration(number * n.unit)
}

// condition is the operator before a command.
type condition uint8

const (
	always condition = iota
	ifWell
	ifBadly
)

type action uint8

const (
	doNothing action = iota
	doSleep
	doFail
	doExit
	doForever
	doExhaust
)

// outcome is how a program ends.
type outcome struct {
	after   time.Duration
	forever bool
	code    int32
	// exhausted says that it runs out of memory.
	exhausted bool
}

// run lets the program go through, with numbers for its RANDOM.
func (p program) run(random *dice) outcome {
	var o outcome
	for _, s := range p {
		if s.when == ifWell && o.code != 0 || s.when == ifBadly && o.code == 0 {
			continue
		}
		switch s.do {
		case doNothing:
			o.code = 0
		case doFail:
			o.code = 1
		case doSleep:
			o.code = 0
			for _, n := range s.sleep {
				o.after = min(o.after+n.long(random), sleepMax)
			}
		case doExit:
			if s.code >= 0 {
				o.code = s.code
			}
			return o
		case doForever:
			o.forever = true
			return o
		case doExhaust:
			o.code, o.exhausted = 137, true
			return o
		}
	}
	return o
}

// compile reads the command and arguments of a container.
func compile(words []string) program {
	if len(words) == 0 {
		return nil
	}
	if text, ok := shellText(words); ok {
		return compileText(text)
	}
	s, ok := compileWords(words)
	if !ok {
		return nil
	}
	return program{s}
}

// shellText is the script that a shell is to run.
func shellText(words []string) (string, bool) {
	switch path.Base(words[0]) {
	case "sh", "bash", "ash", "dash", "zsh":
	default:
		return "", false
	}
	for i, w := range words[1:] {
		if strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.HasSuffix(w, "c") && i+2 < len(words) {
			return words[i+2], true
		}
	}
	return "", false
}

// compileText reads a shell script, command by command.
func compileText(text string) (p program) {
	when := always
	for len(text) > 0 {
		end, next, length := nextOperator(text)
		words := commandWords(text[:end])
		if len(words) > 0 {
			if s, ok := compileWords(words); ok {
				s.when = when
				p = append(p, s)
			}
		}
		when = next
		text = text[end+length:]
	}
	return p
}

// nextOperator finds where the first command of a script ends, what its operator
// means for the next, and how long that is. Quotes and parentheses hide operators.
func nextOperator(text string) (at int, next condition, length int) {
	depth := 0
	var quote byte
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth > 0:
		case strings.HasPrefix(text[i:], "&&"):
			return i, ifWell, 2
		case strings.HasPrefix(text[i:], "||"):
			return i, ifBadly, 2
		case c == ';' || c == '\n' || c == '&' || c == '|':
			return i, always, 1
		}
	}
	return len(text), always, 0
}

// commandWords splits a command, without what only shapes the script around it.
func commandWords(command string) []string {
	words := splitWords(command)
	for len(words) > 0 {
		switch words[0] {
		case "do", "then", "else", "{", "exec", "time":
			words = words[1:]
			continue
		}
		break
	}
	return words
}

// splitWords splits at blanks outside of $((...)), and takes quotes off.
func splitWords(command string) (words []string) {
	depth := 0
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, c := range command {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		switch {
		case depth == 0 && (c == ' ' || c == '\t'):
			flush()
		case c == '\'' || c == '"':
		default:
			word.WriteRune(c)
		}
	}
	flush()
	return words
}

// compileWords reads one command. It says false for one that is skipped, as the
// words that close a loop.
func compileWords(words []string) (statement, bool) {
	args := words[1:]
	switch path.Base(words[0]) {
	case "done", "fi", "}", "#":
		return statement{}, false
	case "sleep":
		return compileSleep(args), true
	case "exit":
		if len(args) == 0 {
			return statement{do: doExit, code: -1}, true
		}
		code, err := strconv.ParseUint(args[0], 10, 8)
		if err != nil {
			code = 2 // what a shell makes of an illegal number
		}
		return statement{do: doExit, code: int32(code)}, true //nolint:gosec // 8 bits
	case "false":
		return statement{do: doFail}, true
	case "while":
		if len(args) > 0 && (args[0] == "true" || args[0] == ":") {
			return statement{do: doForever}, true
		}
	case "tail":
		if len(args) > 0 && args[len(args)-1] == "/dev/zero" {
			return statement{do: doExhaust}, true
		}
	}
	return statement{do: doNothing}, true
}

// compileSleep reads the arguments of sleep: numbers with an optional unit.
func compileSleep(args []string) statement {
	s := statement{do: doSleep}
	for _, arg := range args {
		if arg == "infinity" || arg == "inf" {
			return statement{do: doForever}
		}
		n, ok := sleepArgument(arg)
		if !ok {
			return statement{do: doFail}
		}
		s.sleep = append(s.sleep, n)
	}
	if len(args) == 0 {
		s.do = doFail
	}
	return s
}

func sleepArgument(arg string) (nap, bool) {
	arg, unit := cutUnit(arg)
	if inner, ok := strings.CutPrefix(arg, "$(("); ok {
		e, ok := parseExpression(strings.TrimSuffix(inner, "))"))
		return nap{number: e, unit: int64(unit)}, ok
	}
	if arg == "$RANDOM" {
		return nap{number: expression{{op: opRandom}}, unit: int64(unit)}, true
	}
	if arg == "" || strings.Trim(arg, "0123456789.") != "" {
		return nap{}, false
	}
	d, err := time.ParseDuration(arg + "s")
	if err != nil {
		return nap{}, false
	}
	return nap{number: expression{{op: opNumber, number: int64(d)}}, unit: int64(unit / time.Second)}, true
}

// cutUnit takes the unit off a number; none is seconds.
func cutUnit(arg string) (number string, unit time.Duration) {
	for _, u := range units {
		if number, ok := strings.CutSuffix(arg, u.letter); ok {
			return number, u.length
		}
	}
	return arg, time.Second
}

var units = [...]struct {
	letter string
	length time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}
