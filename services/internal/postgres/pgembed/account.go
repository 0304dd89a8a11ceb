package pgembed

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who the server runs as. The zero value is ourselves.
type account struct {
	name       string
	uid, gid   uint32
	isOtherOne bool // we are root and become this one; else the rest is unset
}

// serverAccount chooses the account of the data folder pgData. Postgres refuses
// to be root, and refuses a data folder that is not its user's own: so an
// existing folder decides.
func serverAccount(pgData, runAs string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if owner, ok := ownerOf(pgData); ok && owner != 0 {
		found, err := user.LookupId(strconv.FormatUint(uint64(owner), 10))
		if err != nil {
			return account{}, fmt.Errorf("look up the owner of data folder %s: %w", pgData, err)
		}
		return toAccount(found)
	}
	names := []string{"postgres", "nobody"}
	if runAs != "" {
		names = []string{runAs}
	}
	var errs []error
	for _, name := range names {
		found, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		return toAccount(found)
	}
	return account{}, fmt.Errorf("find a user to run Postgres as, since it refuses to be root: %w", errors.Join(errs...))
}

func toAccount(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("parse uid of user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("parse gid of user %s: %w", u.Username, err)
	}
	if uid == 0 {
		return account{}, fmt.Errorf("run Postgres as %s: Postgres refuses to be root", u.Username)
	}
	return account{name: u.Username, uid: uint32(uid), gid: uint32(gid), isOtherOne: true}, nil
}

// own gives path to the account.
func (a account) own(path string) error {
	if !a.isOtherOne {
		return nil
	}
	if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// mayEnter reports the first folder on the way to path, path included, that the
// account may not enter. Postgres itself would only say "permission denied", of
// a path that we as root can see very well.
func (a account) mayEnter(path string) error {
	if !a.isOtherOne {
		return nil
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		if info.IsDir() && !a.mayExecute(info) {
			return fmt.Errorf("user %s, as whom Postgres runs because it refuses to be root, cannot enter %s (mode %04o), "+
				"which holds %s: choose another folder", a.name, dir, info.Mode().Perm(), path)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (a account) mayExecute(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid == a.uid:
		return mode&0o100 != 0
	case ok && stat.Gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

func ownerOf(path string) (uid uint32, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}
