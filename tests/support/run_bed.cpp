#include "tests/support/run_bed.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace pvscsi::test {

const std::string& socket_path() {
    static const std::string path = [] {
        std::string name = "/tmp/pvscsi-run-test-" + std::to_string(getpid());
        setenv(run::wire::socket_variable, name.c_str(), 1);
        return name;
    }();
    return path;
}

RunBed::RunBed(std::chrono::milliseconds patience, const std::vector<Hctl>& others)
    : server_(loop_, socket_path(), patience), stop_(adopt_fd, eventfd(0, EFD_CLOEXEC)) {
    device_ = add_vhost({first_lun, second_lun});
    if (!others.empty())
        other_device_ = add_vhost(others);
    loop_.watch(stop_.get(), [this] { stopped_ = true; });
    thread_ = std::thread([this] {
        while (!stopped_)
            server_.run_once();
    });
}

FakeTransport* RunBed::add_vhost(const std::vector<Hctl>& luns) {
    auto transport = std::make_unique<FakeTransport>(luns);
    FakeTransport* device = transport.get();
    server_.add_vhost(luns.front().host, std::move(transport));
    return device;
}

RunBed::~RunBed() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

Command::Command(std::vector<unsigned char> bytes, int direction,
                 std::vector<unsigned char> contents)
    : cdb(std::move(bytes)), data(std::move(contents)) {
    cdb.resize(std::max<std::size_t>(cdb.size(), 10));
    header.interface_id = 'S';
    header.dxfer_direction = direction;
    header.cmdp = cdb.data();
    header.cmd_len = static_cast<unsigned char>(cdb.size());
    header.dxferp = data.data();
    header.dxfer_len = static_cast<unsigned>(data.size());
    header.sbp = sense;
    header.mx_sb_len = sizeof(sense);
    header.timeout = 20'000;
}

UniqueFd open_node(const char* name, int flags) {
    UniqueFd fd(adopt_fd, open(name, flags));
    REQUIRE(fd);
    return fd;
}

bool readable(int fd, int timeout_ms) {
    pollfd state{fd, POLLIN, 0};
    return poll(&state, 1, timeout_ms) == 1 && (state.revents & POLLIN) != 0;
}

int submit(int fd, Command& command) {
    return write(fd, &command.header, sizeof(command.header)) == sizeof(command.header) ? 0 : errno;
}

} // namespace pvscsi::test
