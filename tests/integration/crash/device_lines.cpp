// SPDX-License-Identifier: LGPL-2.1-or-later
#include "crash/device_lines.h"

#include "base/fd.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace scopewright::integration {

namespace {

bpf_attr blank() {
    bpf_attr attr;
    std::memset(&attr, 0, sizeof attr);
    return attr;
}

long bpf(int command, bpf_attr& attr) {
    return ::syscall(SYS_bpf, command, &attr, sizeof attr);
}

std::string contentOf(std::uint32_t program) {
    bpf_attr attr = blank();
    attr.prog_id = program;
    const UniqueFd fd(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, attr)));
    bpf_prog_info info;
    std::memset(&info, 0, sizeof info);
    attr = blank();
    attr.info.bpf_fd = static_cast<__u32>(fd.value());
    attr.info.info_len = sizeof info;
    attr.info.info = reinterpret_cast<std::uintptr_t>(&info);
    if (!fd || bpf(BPF_OBJ_GET_INFO_BY_FD, attr) != 0) return "?";
    std::string text;
    for (const unsigned byte : info.tag) {
        std::array<char, 3> digits{};
        std::snprintf(digits.data(), digits.size(), "%02x", byte);
        text += digits.data();
    }
    return text;
}

} // namespace

std::string devicePrograms(const std::string& directory) {
    const UniqueFd group(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::array<std::uint32_t, 8> ids{};
    bpf_attr attr = blank();
    attr.query.target_fd = static_cast<__u32>(group.value());
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    attr.query.prog_cnt = ids.size();
    if (!group || bpf(BPF_PROG_QUERY, attr) != 0) return "";
    std::string text;
    for (std::size_t one = 0; one < attr.query.prog_cnt; ++one)
        text += (one == 0 ? "" : " ") + contentOf(ids.at(one));
    return text;
}

} // namespace scopewright::integration
