// A program's view of pvscsi-run's nodes: a test with this bed is linked with the preload library,
// whose functions come before the C library's as they do under LD_PRELOAD, and the server runs in a
// thread of its own.
#pragma once

#include "frontend/run/preload/sg_abi.hpp"
#include "frontend/run/server.hpp"
#include "tests/support/fake_transport.hpp"

#include <chrono>
#include <fcntl.h>
#include <string>
#include <thread>
#include <vector>

namespace pvscsi::test {

inline constexpr Hctl first_lun{0, 0, 0, 0};
inline constexpr Hctl second_lun{0, 0, 1, 5};
inline constexpr char first_node[] = "/dev/pvscsi/0:0:0:0";
inline constexpr char second_node[] = "/dev/pvscsi/0:0:1:5";

/// Where the server listens; the library finds it in the environment.
const std::string& socket_path();

/// A server with a vhost of those two LUNs, and another one of `others` if there are any.
class RunBed {
  public:
    explicit RunBed(std::chrono::milliseconds patience = std::chrono::seconds(10),
                    const std::vector<Hctl>& others = {});
    ~RunBed();
    FakeTransport& device() { return *device_; }
    FakeTransport& other_device() { return *other_device_; }

  private:
    FakeTransport* add_vhost(const std::vector<Hctl>& luns);

    run::Loop loop_;
    run::Server server_;
    UniqueFd stop_;
    FakeTransport* device_ = nullptr;
    FakeTransport* other_device_ = nullptr;
    std::thread thread_;
    bool stopped_ = false;
};

/// A command and all the memory that it uses.
struct Command {
    explicit Command(std::vector<unsigned char> bytes, int direction = SG_DXFER_NONE,
                     std::vector<unsigned char> contents = {});
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    std::vector<unsigned char> cdb;
    std::vector<unsigned char> data;
    unsigned char sense[32] = {};
    sg_io_hdr_t header{};
};

UniqueFd open_node(const char* name, int flags = O_RDWR);
bool readable(int fd, int timeout_ms);
/// By write(); 0 or an errno.
int submit(int fd, Command& command);

} // namespace pvscsi::test
