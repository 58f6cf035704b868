// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cgroup/device_filter.h"

#include "base/error.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace scopewright::cgroup {

namespace {

static_assert(kDeviceMknod == BPF_DEVCG_ACC_MKNOD && kDeviceRead == BPF_DEVCG_ACC_READ &&
              kDeviceWrite == BPF_DEVCG_ACC_WRITE);

// What `bpftool cgroup tree` shows; 15 characters at most.
constexpr char kProgramName[] = "scopewright_dev";
static_assert(sizeof kProgramName <= BPF_OBJ_NAME_LEN);

// A group has at most one program of ours, attached without flags. Only so can a daemon that was started again replace
// it: in the mode that allows several, the kernel wants a descriptor of the program that goes, and makes one from an id
// for CAP_SYS_ADMIN alone. PID 1 and the runtimes attach theirs with BPF_F_ALLOW_MULTI, hence no flags means ours.
constexpr std::uint32_t kAttachFlags = 0;

constexpr unsigned kVerdict = BPF_REG_0; ///< 0 but for the last two instructions of each type
constexpr unsigned kContext = BPF_REG_1;
constexpr unsigned kScratch = BPF_REG_2;

/// A program of six lists, one for each type and access, in which the first rule that matches decides. What it looks at
/// is read anew each time: nothing but the place in the program depends on the way there, so the kernel's verifier sees
/// each instruction about once. (One list for all accesses is half as long, but without CAP_PERFMON the verifier needs
/// a second and a half for 1000 rules, because it follows each set of accesses that may be left.)
class Assembler {
public:
    explicit Assembler(const std::vector<DeviceRule>& rules) : rules_(rules) {
        emit(BPF_ALU64 | BPF_MOV | BPF_K, kVerdict, 0, 0, 0);
        // An access that a later kernel may know, and no rule can allow.
        look(offsetof(bpf_cgroup_dev_ctx, access_type));
        emit(BPF_ALU | BPF_RSH | BPF_K, kScratch, 0, 0, 16 + 3);
        emit(BPF_JMP32 | BPF_JEQ | BPF_K, kScratch, 0, 1, 0);
        leave();
        type('c', BPF_DEVCG_DEV_CHAR);
        type('b', BPF_DEVCG_DEV_BLOCK);
        leave();
    }

    std::vector<bpf_insn> code() && { return std::move(code_); }

private:
    /// The jumps to a place further on, which is not known yet. 16 bits are enough for 5 instructions for each access
    /// of each rule of one type.
    using Label = std::vector<std::size_t>;
    static_assert(kMostDeviceRules * 5 * 3 + 100 < 32767);

    void emit(unsigned code, unsigned target, unsigned source, std::size_t offset, std::uint32_t value) {
        bpf_insn made{};
        made.code = static_cast<__u8>(code);
        made.dst_reg = target & 0xf;
        made.src_reg = source & 0xf;
        made.off = static_cast<__s16>(offset);
        made.imm = static_cast<__s32>(value);
        code_.push_back(made);
    }

    void look(std::size_t field) { emit(BPF_LDX | BPF_MEM | BPF_W, kScratch, kContext, field, 0); }
    void leave() { emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

    void jump(Label& to) {
        to.push_back(code_.size());
        emit(BPF_JMP | BPF_JA, 0, 0, 0, 0);
    }

    void jumpUnless(std::uint32_t value, Label& to) {
        to.push_back(code_.size());
        emit(BPF_JMP32 | BPF_JNE | BPF_K, kScratch, 0, 0, value);
    }

    void place(const Label& label) {
        for (const std::size_t index : label)
            code_[index].off = static_cast<__s16>(code_.size() - index - 1);
    }

    void type(char name, std::uint32_t value) {
        Label other;
        look(offsetof(bpf_cgroup_dev_ctx, access_type));
        emit(BPF_ALU | BPF_AND | BPF_K, kScratch, 0, 0, 0xffff);
        jumpUnless(value, other);
        for (const unsigned access : {kDeviceMknod, kDeviceRead, kDeviceWrite})
            list(name, access);
        emit(BPF_ALU64 | BPF_MOV | BPF_K, kVerdict, 0, 0, 1);
        leave();
        place(other);
    }

    /// Goes on behind itself if the access is allowed or not asked for, and ends the program if it is denied.
    void list(char type, unsigned access) {
        Label behind;
        look(offsetof(bpf_cgroup_dev_ctx, access_type));
        emit(BPF_JMP32 | BPF_JSET | BPF_K, kScratch, 0, 1, access << 16);
        jump(behind);
        bool allowed = false;
        bool decided = false;
        for (auto rule = rules_.rbegin(); rule != rules_.rend() && !decided; ++rule) {
            if ((rule->type != 'a' && rule->type != type) || (rule->access & access) == 0) continue;
            // Nothing that stands before such a rule matters, and the verifier refuses what cannot be reached.
            decided = !rule->major && !rule->minor;
            allowed = decided && rule->allow;
            if (!decided) conditional(*rule, behind);
        }
        if (!allowed) leave();
        place(behind);
    }

    void conditional(const DeviceRule& rule, Label& allowed) {
        Label next;
        if (rule.major) {
            look(offsetof(bpf_cgroup_dev_ctx, major));
            jumpUnless(*rule.major, next);
        }
        if (rule.minor) {
            look(offsetof(bpf_cgroup_dev_ctx, minor));
            jumpUnless(*rule.minor, next);
        }
        if (rule.allow)
            jump(allowed);
        else
            leave();
        place(next);
    }

    const std::vector<DeviceRule>& rules_;
    std::vector<bpf_insn> code_;
};

void check(const DeviceRule& rule) {
    if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c')
        throw Error(ErrorCode::InvalidArgument, "a device rule's type is a, b or c, not " + quoted({&rule.type, 1}));
    if (rule.access == 0 || (rule.access & ~kDeviceAll) != 0)
        throw Error(ErrorCode::InvalidArgument, "a device rule's access is one or more of r, w and m");
}

bpf_attr blank() {
    bpf_attr attr;
    // The kernel refuses what it does not know unless it is zero, padding included.
    std::memset(&attr, 0, sizeof attr);
    return attr;
}

int bpf(bpf_cmd command, bpf_attr& attr) noexcept {
    return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

__u64 address(const void* memory) {
    return reinterpret_cast<std::uintptr_t>(memory);
}

/// The verifier's reason stands in the last lines of its log, followed by its statistics.
std::string endOf(const std::string& log) {
    constexpr std::size_t kLongest = 400;
    std::string text = log.c_str();
    if (text.size() > kLongest) text = "..." + text.substr(text.size() - kLongest);
    for (char& c : text)
        if (c < ' ' || c > '~') c = ' ';
    return text;
}

Error refused(std::string_view what, int error, const std::string& log = "") {
    const std::string said = std::string(what) + ": " + std::generic_category().message(error);
    if (error == ENOSYS) return Error(ErrorCode::NotSupported, said + "; this kernel is built without bpf(2)");
    if (error == EPERM)
        return Error(ErrorCode::NotSupported,
                     said + "; it takes CAP_BPF and CAP_NET_ADMIN, Linux 5.8 or newer, a system call filter that lets "
                            "bpf(2) through, and before Linux 5.11 a sufficient LimitMEMLOCK=");
    if (error == E2BIG) return Error(ErrorCode::LimitsExceeded, said + "; use fewer device rules");
    if (!log.empty() && (error == EINVAL || error == EACCES || error == ENOSPC))
        return Error(ErrorCode::NotSupported, said + "; the kernel's verifier ends with: " + endOf(log));
    if (error == EINVAL)
        return Error(ErrorCode::NotSupported, said + "; this kernel may be built without CONFIG_CGROUP_BPF");
    return errnoError(what, error);
}

/// The verifier gives way to a pending signal with EAGAIN.
UniqueFd tryLoad(bpf_attr& attr) {
    int fd = -1;
    for (int turn = 0; turn < 5 && fd < 0 && (turn == 0 || errno == EAGAIN); ++turn)
        fd = bpf(BPF_PROG_LOAD, attr);
    return UniqueFd(fd);
}

UniqueFd load(const std::vector<bpf_insn>& code) {
    bpf_attr attr = blank();
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = address(code.data());
    attr.insn_cnt = static_cast<__u32>(code.size());
    attr.license = address("LGPL-2.1-or-later");
    std::memcpy(attr.prog_name, kProgramName, sizeof kProgramName);
    UniqueFd program = tryLoad(attr);
    if (program) return program;
    const int error = errno;
    // A log is not free, so it is asked for only where there is something to tell.
    std::string log(error == EINVAL || error == EACCES ? 1 << 20 : 0, '\0');
    if (!log.empty()) {
        attr.log_level = 1;
        attr.log_buf = address(log.data());
        attr.log_size = static_cast<__u32>(log.size());
        if (program = tryLoad(attr); program) return program;
    }
    throw refused("load the device program", error, log.c_str());
}

std::uint32_t idOf(const UniqueFd& program) {
    bpf_prog_info info{};
    bpf_attr attr = blank();
    attr.info.bpf_fd = static_cast<__u32>(program.value());
    attr.info.info_len = sizeof info;
    attr.info.info = address(&info);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, attr) < 0) throw refused("identify the device program", errno);
    return info.id;
}

struct Attached {
    std::vector<std::uint32_t> ids;
    std::uint32_t flags = 0;

    bool ours() const { return !ids.empty() && flags == kAttachFlags; }
    bool has(std::uint32_t id) const { return std::find(ids.begin(), ids.end(), id) != ids.end(); }
};

/// Nothing if the group is gone.
std::optional<Attached> query(const Group& group, std::uint32_t flags = 0) {
    Attached found;
    for (found.ids.resize(64);; found.ids.resize(found.ids.size() * 4)) {
        bpf_attr attr = blank();
        attr.query.target_fd = static_cast<__u32>(group.fd());
        attr.query.attach_type = BPF_CGROUP_DEVICE;
        attr.query.query_flags = flags;
        attr.query.prog_ids = address(found.ids.data());
        attr.query.prog_cnt = static_cast<__u32>(found.ids.size());
        if (bpf(BPF_PROG_QUERY, attr) == 0) {
            found.ids.resize(attr.query.prog_cnt);
            found.flags = attr.query.attach_flags;
            return found;
        }
        if (errno == ENOENT || errno == ENODEV) return std::nullopt;
        if (errno != ENOSPC) throw refused("ask for a group's device programs", errno);
    }
}

void attach(const Group& group, const UniqueFd& program) {
    bpf_attr attr = blank();
    attr.target_fd = static_cast<__u32>(group.fd());
    attr.attach_bpf_fd = static_cast<__u32>(program.value());
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = kAttachFlags;
    if (bpf(BPF_PROG_ATTACH, attr) == 0) return;
    // Loading took the same privileges, so it is not these.
    if (errno == EPERM)
        throw Error(ErrorCode::Busy, "a device program that is attached to this group, or to one above it, allows no "
                                     "other: 'bpftool cgroup tree' shows it");
    throw refused("attach the device program", errno);
}

/// In the mode without flags there is one program, and the kernel needs no descriptor to know it.
void detach(const Group& group) {
    bpf_attr attr = blank();
    attr.target_fd = static_cast<__u32>(group.fd());
    attr.attach_type = BPF_CGROUP_DEVICE;
    if (bpf(BPF_PROG_DETACH, attr) < 0 && errno != ENOENT) throw refused("detach the device program", errno);
}

/// A group below that had a program before us goes on with that one alone. Later nobody can attach one there, so this
/// is to be asked once.
void requireBelow(const Group& group, std::uint32_t id) {
    std::vector<std::string> pending{""};
    while (!pending.empty()) {
        const std::string path = std::move(pending.back());
        pending.pop_back();
        const std::optional<Group> here = path.empty() ? group.duplicate() : group.open(path);
        const std::optional<Attached> effective = here ? query(*here, BPF_F_QUERY_EFFECTIVE) : std::nullopt;
        if (!effective) continue;
        if (!effective->has(id))
            throw Error(ErrorCode::Busy, "the group " + quoted(path) +
                                             " below has a device program of its own, which would hide the new one");
        for (const std::string& name : here->children())
            pending.push_back(path + "/" + name);
    }
}

} // namespace

std::vector<bpf_insn> assembleDeviceFilter(const std::vector<DeviceRule>& rules) {
    if (rules.size() > kMostDeviceRules)
        throw Error(ErrorCode::LimitsExceeded, "more than " + std::to_string(kMostDeviceRules) + " device rules");
    std::for_each(rules.begin(), rules.end(), check);
    return Assembler(rules).code();
}

void applyDeviceFilter(const Group& group, const std::vector<DeviceRule>& rules) {
    const UniqueFd program = load(assembleDeviceFilter(rules));
    const std::uint32_t id = idOf(program);
    const std::optional<Attached> before = query(group);
    attach(group, program);
    const std::optional<Attached> after = query(group);
    if (!after || !after->has(id)) throw Error(ErrorCode::Failed, "the device program was attached, but is not there");
    if (before && before->ours()) return;
    try {
        requireBelow(group, id);
    } catch (...) {
        detach(group);
        throw;
    }
}

bool hasDeviceFilter(const Group& group) {
    const std::optional<Attached> attached = query(group);
    return attached && attached->ours();
}

std::optional<bool> hasAnyDeviceFilter(const Group& group) {
    try {
        const std::optional<Attached> attached = query(group);
        return attached ? std::optional(!attached->ids.empty()) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

bool removeDeviceFilter(const Group& group) {
    if (!hasDeviceFilter(group)) return false;
    detach(group);
    return true;
}

std::string deviceFilterObstacle() {
    try {
        (void)load(assembleDeviceFilter({}));
        return "";
    } catch (const Error& error) {
        return error.what();
    }
}

} // namespace scopewright::cgroup
