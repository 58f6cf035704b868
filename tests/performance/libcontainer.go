// SPDX-License-Identifier: LGPL-2.1-or-later

// A peer of the benchmark: starts the same scopes with libcontainer's driver for systemd, which runc and containerd's
// shim have in their own process. It takes one command a line and answers with the nanoseconds that it took:
//
//	start NAME PID   the scope bench-NAME.scope, the leaf in it, the process in the leaf
//	stop NAME        the scope's end, as libcontainer brings it about
package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runc/libcontainer/cgroups"
	"github.com/opencontainers/runc/libcontainer/cgroups/systemd"
	"github.com/opencontainers/runc/libcontainer/configs"
)

var managers = map[string]cgroups.Manager{}

func newManager(name string) (cgroups.Manager, error) {
	config := &configs.Cgroup{
		Parent:      "scopewright.slice",
		ScopePrefix: "bench",
		Name:        name,
		Resources:   &configs.Resources{SkipDevices: true},
		Systemd:     true,
	}
	return systemd.NewUnifiedManager(config, "")
}

// What runc leaves out and every side of this comparison does: the process moves on into a leaf.
func leaf(scope string, pid int) error {
	directory := filepath.Join(scope, "payload")
	if err := os.Mkdir(directory, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		return err
	}
	controllers, err := os.ReadFile(filepath.Join(scope, "cgroup.controllers"))
	if err != nil || len(strings.Fields(string(controllers))) == 0 {
		return err
	}
	wanted := "+" + strings.Join(strings.Fields(string(controllers)), " +")
	return os.WriteFile(filepath.Join(scope, "cgroup.subtree_control"), []byte(wanted), 0)
}

func start(name string, pid int) error {
	manager, err := newManager(name)
	if err != nil {
		return err
	}
	if err := manager.Apply(pid); err != nil {
		return err
	}
	managers[name] = manager
	return leaf(manager.Path(""), pid)
}

func stop(name string) error {
	manager := managers[name]
	delete(managers, name)
	return manager.Destroy()
}

func run(words []string) error {
	switch {
	case len(words) == 3 && words[0] == "start":
		pid, err := strconv.Atoi(words[2])
		if err != nil {
			return err
		}
		return start(words[1], pid)
	case len(words) == 2 && words[0] == "stop":
		return stop(words[1])
	}
	return fmt.Errorf("unknown command %q", strings.Join(words, " "))
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		begun := time.Now()
		err := run(strings.Fields(lines.Text()))
		took := time.Since(begun)
		if err != nil {
			fmt.Println("error", err)
		} else {
			fmt.Println("ok", took.Nanoseconds())
		}
	}
}
