package archcheck

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// walker judges the files of one core. One goroutine uses it, for one package.
type walker struct {
	stepped Stepped
	core    Core
	where   string
	files   *token.FileSet
	info    *types.Info

	// excused are the lines on which map order was declared harmless, each with
	// whether that was needed.
	excused map[int]bool
	// sorted are calls that are the argument of a sort.
	sorted map[*ast.CallExpr]bool
	found  []Finding
}

// coreImports are packages of the standard library that no core imports, and why.
var coreImports = [...]struct{ path, instead string }{
	{"context", "a step does not wait: return what is to be done, the shell does it."},
	{"crypto/rand", "take ids and random numbers as arguments, or as a source by seed."},
	{"database/sql", "a step does no I/O: return what is to be written."},
	{"hash/maphash", "its seed differs by process: use a hash that is the same everywhere."},
	{"log", "return facts; the shell logs them."},
	{"log/slog", "return facts; the shell logs them."},
	{"math/rand", "take random numbers as arguments, or as a source by seed."},
	{"math/rand/v2", "take random numbers as arguments, or as a source by seed."},
	{"net", "a step does no I/O: return what is to be sent."},
	{"net/http", "a step does no I/O: return what is to be sent."},
	{"os", "a step does no I/O: return what is to be done."},
	{"os/exec", "a step does no I/O: return what is to be done."},
	{"runtime", "the machine must not show in a result."},
	{"sync", "a core belongs to one goroutine: the shell that owns it does the locking."},
	{"sync/atomic", "a core belongs to one goroutine: the shell that owns it does the locking."},
}

// clock are the functions of package time that ask it or wait for it.
var clock = [...]string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// mapOrder are the functions of package maps that give map order to their caller.
var mapOrder = [...]string{"All", "Keys", "Values"}

// file returns what is wrong in one file.
func (w *walker) file(file *ast.File) []Finding {
	w.excuses(file)
	w.sorted = map[*ast.CallExpr]bool{}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has seen to it
		}
		for _, banned := range coreImports {
			if path == banned.path {
				w.fault(spec, "imports "+path, banned.instead)
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		w.node(node)
		return true
	})
	for line, needed := range w.excused {
		if !needed {
			w.faultAt(line, "excuses map order where there is none", "take the comment away.")
		}
	}
	return w.found
}

// excuses collects the comments that declare map order harmless.
func (w *walker) excuses(file *ast.File) {
	w.excused = map[int]bool{}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			word, reason, _ := strings.Cut(strings.TrimPrefix(comment.Text, excuse), " ")
			if !strings.HasPrefix(comment.Text, excuse) {
				continue
			}
			line := w.files.Position(comment.Pos()).Line
			if (word != "sorted" && word != "unordered") || strings.TrimSpace(reason) == "" {
				w.faultAt(line, "says "+comment.Text, "write //archcheck:sorted or //archcheck:unordered, and why.")
				continue
			}
			w.excused[line] = false
		}
	}
}

// excuse begins a comment on the line of a loop over a map, or the one above it.
const excuse = "//archcheck:"

func (w *walker) node(node ast.Node) {
	switch node := node.(type) {
	case *ast.GoStmt:
		w.fault(node, "starts a goroutine", oneGoroutine)
	case *ast.SelectStmt:
		w.fault(node, "selects", oneGoroutine)
	case *ast.ChanType:
		w.fault(node, "names a channel type", oneGoroutine)
	case *ast.SendStmt:
		w.fault(node, "sends on a channel", oneGoroutine)
	case *ast.UnaryExpr:
		if node.Op == token.ARROW {
			w.fault(node, "receives from a channel", oneGoroutine)
		}
	case *ast.RangeStmt:
		w.loop(node)
	case *ast.CallExpr:
		w.sorts(node)
		w.order(node)
	case *ast.Ident:
		w.use(node)
	}
	if expr, ok := node.(ast.Expr); ok && w.core.Integer {
		w.float(expr)
	}
}

const oneGoroutine = "a step is one function call in one goroutine: take the message as input, return the output."

// loop judges what a loop runs over.
func (w *walker) loop(loop *ast.RangeStmt) {
	switch {
	case isA[*types.Chan](w.info.TypeOf(loop.X)):
		w.fault(loop, "ranges over a channel", oneGoroutine)
	case isA[*types.Map](w.info.TypeOf(loop.X)) && (loop.Key != nil || loop.Value != nil):
		w.mapOrder(loop, "ranges over a map")
	}
}

// sorts remembers what is sorted at once, as in slices.Sorted(maps.Keys(m)).
func (w *walker) sorts(call *ast.CallExpr) {
	if f := w.callee(call); f != nil && from(f, "slices") && strings.HasPrefix(f.Name(), "Sorted") && len(call.Args) > 0 {
		if inner, ok := call.Args[0].(*ast.CallExpr); ok {
			w.sorted[inner] = true
		}
	}
}

// order judges calls that give map order.
func (w *walker) order(call *ast.CallExpr) {
	f := w.callee(call)
	switch {
	case f == nil || w.sorted[call]:
	case from(f, "maps") && slices.Contains(mapOrder[:], f.Name()):
		w.mapOrder(call, "calls maps."+f.Name())
	case from(f, "reflect") && (f.Name() == "MapKeys" || f.Name() == "MapRange"):
		w.mapOrder(call, "calls reflect's "+f.Name())
	}
}

func (w *walker) mapOrder(node ast.Node, what string) {
	line := w.files.Position(node.Pos()).Line
	for _, at := range [...]int{line, line - 1} {
		if _, ok := w.excused[at]; ok {
			w.excused[at] = true
			return
		}
	}
	w.fault(node, what, "map order differs by run: loop over slices.Sorted(maps.Keys(m)), or keep a slice; where order cannot show, say //archcheck:sorted or //archcheck:unordered and why.")
}

// callee is the function that a call names, or nil.
func (w *walker) callee(call *ast.CallExpr) *types.Func {
	name := ast.Unparen(call.Fun)
	switch generic := name.(type) {
	case *ast.IndexExpr:
		name = generic.X
	case *ast.IndexListExpr:
		name = generic.X
	}
	var ident *ast.Ident
	switch name := name.(type) {
	case *ast.Ident:
		ident = name
	case *ast.SelectorExpr:
		ident = name.Sel
	default:
		return nil
	}
	f, _ := w.info.Uses[ident].(*types.Func)
	return f
}

// use judges a function by where it was declared, whether it is called here or
// handed on.
func (w *walker) use(ident *ast.Ident) {
	f, ok := w.info.Uses[ident].(*types.Func)
	if !ok || f.Pkg() == nil {
		return
	}
	path := f.Pkg().Path()
	ours, isOurs := strings.CutPrefix(path, modulePrefix)
	switch {
	case path == "time" && f.Signature().Recv() == nil && slices.Contains(clock[:], f.Name()):
		w.fault(ident, "uses time."+f.Name(), "take the time as an argument of the step, and return a timer as output.")
	case matchAny(w.stepped.Calls, ours):
	case isOurs:
		file := filepath.Base(w.files.Position(f.Origin().Pos()).Filename)
		if _, ok := w.stepped.coreOf(ours, file); !ok {
			w.fault(ident, fmt.Sprintf("uses %s of %s/%s", f.Name(), ours, file),
				"that is on no list of cores, so it may wait or differ. Put it on the list, or take what it gives as an argument.")
		}
	case !stdPath(path):
		w.fault(ident, fmt.Sprintf("uses %s of %s", f.Name(), path),
			"nobody vouches that it is the same each time. Do it in the shell, or put the package on the list of allowed calls and say why.")
	}
}

// stdPath says whether a package is the standard library's: no other has a first
// element without a dot, but ours.
func stdPath(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// float judges an expression where there are to be integers only. A constant
// that becomes an integer is fine.
func (w *walker) float(expr ast.Expr) {
	tv, ok := w.info.Types[expr]
	if !ok || !isFloat(tv.Type) || (tv.Value != nil && tv.Type.Underlying().(*types.Basic).Info()&types.IsUntyped != 0) {
		return
	}
	w.fault(expr, "has a float", "multiply and add give different answers on different processors: use integers and 128-bit products.")
}

func isFloat(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0
}

// isA says whether a type is of a kind, or a type parameter that allows one.
func isA[K types.Type](t types.Type) bool {
	if t == nil {
		return false
	}
	if _, ok := t.Underlying().(K); ok {
		return true
	}
	constraint, ok := t.Underlying().(*types.Interface)
	if _, param := types.Unalias(t).(*types.TypeParam); !param || !ok {
		return false
	}
	for embedded := range constraint.EmbeddedTypes() {
		union, ok := embedded.(*types.Union)
		if !ok {
			union = types.NewUnion([]*types.Term{types.NewTerm(false, embedded)})
		}
		for term := range union.Terms() {
			if _, ok := term.Type().Underlying().(K); ok {
				return true
			}
		}
	}
	return false
}

// from says whether a function is of a package of the standard library.
func from(f *types.Func, path string) bool { return f.Pkg() != nil && f.Pkg().Path() == path }

func (w *walker) fault(node ast.Node, what, instead string) {
	w.faultAt(w.files.Position(node.Pos()).Line, what, instead)
}

func (w *walker) faultAt(line int, what, instead string) {
	w.found = append(w.found, Finding{Where: w.where, Line: line, Rule: "stepped", What: what, Instead: instead})
}
