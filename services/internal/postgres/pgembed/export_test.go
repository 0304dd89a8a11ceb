package pgembed

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/fairlead-batch/fairlead/services/internal/freeport"
)

// Locate is locate, which finds binaries; it gives their folder.
func Locate(ctx context.Context, cfg Config, dataMajor int) (dir string, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return "", err
	}
	found, err := locate(ctx, cfg, dataMajor, zap.NewNop())
	return found.dir, err
}

// MayEnter says whether a user of that id, who is not us, gets to path.
func MayEnter(path string, uid uint32) error {
	return account{name: "stranger", uid: uid, gid: uid, isOtherOne: true}.mayEnter(path)
}

// BareServer is the command of a server of an existing data folder that nobody
// looks after: it survives us.
func BareServer(ctx context.Context, cfg Config) (*exec.Cmd, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	pgData := filepath.Join(cfg.DataDir, "data")
	major, err := folder{dir: cfg.DataDir, pgData: pgData}.major()
	if err != nil {
		return nil, err
	}
	found, err := locate(ctx, cfg, major, zap.NewNop())
	if err != nil {
		return nil, err
	}
	port, err := freeport.Port(ctx)
	if err != nil {
		return nil, err
	}
	return asServer(cfg, exec.CommandContext(ctx, found.path("postgres"),
		"-D", pgData, "-p", strconv.Itoa(int(port)), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="))
}

// Stranger is a command that runs as the user of the server of cfg.
func Stranger(ctx context.Context, cfg Config, command string) (*exec.Cmd, error) {
	words := strings.Fields(command)
	return asServer(cfg, exec.CommandContext(ctx, words[0], words[1:]...))
}

func asServer(cfg Config, cmd *exec.Cmd) (*exec.Cmd, error) {
	pgData := filepath.Join(cfg.DataDir, "data")
	as, err := serverAccount(pgData, "")
	if err != nil {
		return nil, err
	}
	cmd.Dir, cmd.Env, cmd.SysProcAttr = pgData, serverEnv(pgData), as.attributes(0)
	return cmd, nil
}

// LogFile is the server's output, for a test of its size.
type LogFile = logFile

// OpenLog is openLog.
func OpenLog(path string, bytesMax int64) (*LogFile, error) { return openLog(path, bytesMax) }

// LastLines is lastLines.
func (l *logFile) LastLines() string { return l.lastLines() }

// Close is close.
func (l *logFile) Close() { l.close() }
