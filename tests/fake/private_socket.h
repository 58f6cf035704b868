// SPDX-License-Identifier: LGPL-2.1-or-later
// The socket on which PID 1 listens itself, in a directory of its own: no bus, no names, every signal to everybody.
#pragma once

#include "base/fd.h"
#include "fake_systemd.h"

#include <string>
#include <vector>

namespace scopewright::fake {

class PrivateSocket {
public:
    PrivateSocket(FakeSystemd& systemd, sd_event* event);
    PrivateSocket(PrivateSocket&&) = delete;
    ~PrivateSocket();

    const std::string& path() const noexcept { return path_; }

    void listen();
    /// PID 1 executes itself anew, or is gone: nobody listens, and who was there is cut off.
    void close();
    /// Whoever comes waits for ever.
    void stopAccepting();

    std::size_t connections() const noexcept { return connections_.size(); }

private:
    static int onConnection(sd_event_source* source, int fd, std::uint32_t events, void* userdata) noexcept;
    void accept();

    FakeSystemd& systemd_;
    sd_event* event_;
    std::string directory_;
    std::string path_;
    UniqueFd listening_;
    sd_event_source* source_ = nullptr;
    std::vector<sd_bus*> connections_;
};

} // namespace scopewright::fake
