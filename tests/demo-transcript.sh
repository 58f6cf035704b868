#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The main job, as a person would type it on a machine with a real systemd. tests/demo runs this in a guest.
# Every command is printed before its output; the checks at the end of each part are counted.

passed=0 failed=0 skipped=0

part() {
    printf '\n### %s\n' "$*"
}

# Prints a command line and runs it.
run() {
    printf '\n$ %s\n' "$1"
    eval "$1" 2>&1
}

# check WHAT CONDITION...: counts whether the condition holds.
check() {
    what=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
        printf '  ok      %s\n' "$what"
    else
        failed=$((failed + 1))
        printf '  FAILED  %s\n' "$what"
    fi
}

# check_file FILE VALUE: the same for a controller's file; a skip where this machine has no such controller.
check_file() {
    if [ -e "$1" ] || [ ! -d "${1%/*}" ]; then
        check "${1##*/} is $2" [ "$(cat "$1")" = "$2" ]
    else
        skipped=$((skipped + 1))
        printf '  skipped %s: this machine has no such controller\n' "${1##*/}"
    fi
}

print_values() {
    for file in memory.max memory.min memory.low memory.swap.max cpu.weight cpu.max pids.max; do
        [ -e "$1/$file" ] && printf '%-16s %s\n' "$file" "$(cat "$1/$file")"
    done
}

# within SECONDS CONDITION...: waits until the condition holds.
within() {
    limit=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$limit" ] || return 1
        sleep 0.2
    done
}

not() {
    ! "$@"
}

end() {
    printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" = 0 ]
    exit
}

manager='org.scopewright1 /org/scopewright1 org.scopewright1.Manager'
first=cri-containerd-1111111111111111111111111111111111111111111111111111111111111111.scope
second=cri-containerd-2222222222222222222222222222222222222222222222222222222222222222.scope

gone() {
    within 60 not systemctl --quiet is-active scopewright.service
}

part 'A drop-in, so that nobody has to wait half a minute for the daemon to find that it is idle'
run 'mkdir -p /run/scopewright/scopewright.toml.d'
run "printf '[daemon]\\nidle-timeout = \"3s\"\\n' > /run/scopewright/scopewright.toml.d/50-demo.toml"
run '/usr/libexec/scopewrightd --check-config'
check 'the configuration is right' /usr/libexec/scopewrightd --check-config

part 'The bus starts the daemon on the first call'
run "busctl get-property $manager Version"
check 'the daemon answers' busctl get-property $manager Version
[ "$failed" = 0 ] || { run 'journalctl --no-pager -n 30 -u scopewright.service -u dbus.service'; end; }
run "busctl get-property $manager SystemdVersion"
run "busctl get-property $manager Controllers"

part 'A runtime asks for a sandbox for its process'
printf '\n$ sleep infinity &\n'
sleep infinity &
process=$!
run "busctl call $manager CreateSandbox 'sa(sv)t' demo 6 PIDs au 1 $process memory.limit x 536870912 cpu.shares t 1024 cpu.quota x 100000 cpu.period t 100000 pids.limit x 128 0"
unit() {
    busctl call $manager ListSandboxes | sed -n 's/.*"demo" "\([^"]*\)".*/\1/p'
}
unit=$(unit)
check 'there is a unit for it' [ -n "$unit" ]
[ "$failed" = 0 ] || { run 'journalctl --no-pager -n 30 -u scopewright.service'; end; }
check 'PID 1 runs it' systemctl --quiet is-active "$unit"
run "systemctl show $unit -p ControlGroup -p Delegate -p MemoryMax -p CPUWeight -p TasksMax -p Description"
group=$(systemctl show --property ControlGroup --value "$unit")
scope=/sys/fs/cgroup$group
check 'the process is in the payload leaf' grep -q "^0::$group/payload\$" "/proc/$process/cgroup"
run "print_values $scope"

part 'Two containers in it, as observers such as cAdvisor look for them'
limits='memory.limit x 268435456 memory.reservation x 134217728 memory.swap x 268435456 cpu.shares t 512 cpu.quota x 50000 cpu.period t 100000 pids.limit x 64'
run "busctl call $manager CreateCompatGroup 'ssa(sv)t' demo $first 7 $limits 0"
run "busctl call $manager CreateCompatGroup 'ssa(sv)t' demo $second 2 memory.limit x 134217728 pids.limit x 32 0"
run "busctl call $manager ListGroups s demo"
run "print_values $scope/$first"
check_file "$scope/$first/memory.max" 268435456
check_file "$scope/$first/memory.min" 134217728
check_file "$scope/$first/memory.swap.max" 0
check_file "$scope/$first/cpu.weight" 20
check_file "$scope/$first/cpu.max" '50000 100000'
check_file "$scope/$first/pids.max" 64
run "print_values $scope/$second"
check_file "$scope/$second/memory.max" 134217728
check_file "$scope/$second/pids.max" 32
check 'no process is in the first' [ -z "$(cat "$scope/$first/cgroup.procs" 2>/dev/null)" ]

part 'What it looks like'
run 'busctl tree org.scopewright1'
run "systemd-cgls --no-pager --full --all $group"

part 'The daemon leaves when nobody asks; the next call starts it again, and it knows everything'
check 'the daemon ended by itself' gone
run 'systemctl is-active scopewright.service'
run "busctl call $manager ListSandboxes"
knows_groups() {
    busctl call $manager ListGroups s demo | grep -q "$first.*$second.*payload"
}
check 'the sandbox and its groups are known' knows_groups

part 'The process dies'
run "kill $process"
wait "$process" 2>/dev/null
check 'the scope is gone' within 10 not systemctl --quiet is-active "$unit"
check 'its directories are gone' within 10 not test -e "$scope"
none_left() {
    [ "$(busctl call $manager ListSandboxes)" = 'a(ssuo) 0' ]
}
check 'no sandbox is left' within 10 none_left
run "busctl call $manager GetSandbox s demo"
run "busctl call $manager ListSandboxes"
run 'busctl tree org.scopewright1'

part 'Nothing to do: the daemon ends'
check 'the daemon ended by itself' gone
run 'systemctl show scopewright.service -p ActiveState -p Result'
end
