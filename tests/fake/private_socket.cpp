// SPDX-License-Identifier: LGPL-2.1-or-later
#include "private_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace scopewright::fake {

namespace {

void require(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string("the private socket: ") + what);
}

} // namespace

PrivateSocket::PrivateSocket(FakeSystemd& systemd, sd_event* event) : systemd_(systemd), event_(sd_event_ref(event)) {
    char directory[] = "/tmp/scopewright-pid1-XXXXXX";
    if (!::mkdtemp(directory)) throw std::runtime_error("no directory for the private socket");
    directory_ = directory;
    path_ = directory_ + "/private";
    listen();
}

PrivateSocket::~PrivateSocket() {
    close();
    ::rmdir(directory_.c_str());
    sd_event_unref(event_);
}

void PrivateSocket::listen() {
    listening_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    require(::bind(listening_.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    constexpr int kBacklog = 8;
    require(::listen(listening_.value(), kBacklog), "listen");
    require(sd_event_add_io(event_, &source_, listening_.value(), EPOLLIN, onConnection, this), "watch");
}

void PrivateSocket::stopAccepting() {
    source_ = sd_event_source_disable_unref(source_);
}

void PrivateSocket::close() {
    stopAccepting();
    listening_ = UniqueFd();
    ::unlink(path_.c_str());
    for (sd_bus* connection : std::exchange(connections_, {})) {
        systemd_.leave(connection);
        // A child of the test still holds this end, too.
        ::shutdown(sd_bus_get_fd(connection), SHUT_RDWR);
        sd_bus_close_unref(connection);
    }
}

int PrivateSocket::onConnection(sd_event_source*, int, std::uint32_t, void* userdata) noexcept {
    try {
        static_cast<PrivateSocket*>(userdata)->accept();
        return 0;
    } catch (const std::exception&) {
        return -EIO;
    }
}

void PrivateSocket::accept() {
    const int fd = ::accept4(listening_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    sd_bus* connection = nullptr;
    require(sd_bus_new(&connection), "a connection");
    connections_.push_back(connection);
    require(sd_bus_set_fd(connection, fd, fd), "its socket");
    require(sd_bus_negotiate_fds(connection, 1), "descriptors");
    sd_id128_t id;
    require(sd_id128_randomize(&id), "an id");
    require(sd_bus_set_server(connection, 1, id), "a server");
    require(sd_bus_start(connection), "its start");
    require(sd_bus_attach_event(connection, event_, SD_EVENT_PRIORITY_NORMAL), "its events");
    systemd_.join(connection);
}

} // namespace scopewright::fake
