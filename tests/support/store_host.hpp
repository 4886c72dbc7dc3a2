// A store server on sockets in a temporary directory, on a thread of its own, for tests that are
// its clients.
#pragma once

#include "common/hypervisor/host/store_client.hpp"
#include "common/hypervisor/host/store_server.hpp"
#include "common/hypervisor/xs_store.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace pvscsi::test {

class StoreHost {
  public:
    StoreHost();
    StoreHost(const StoreHost&) = delete;
    StoreHost& operator=(const StoreHost&) = delete;
    ~StoreHost();

    /// Runs `work` on the server's thread and waits for it.
    void run(const std::function<void(hv::host::StoreServer&)>& work);
    /// A domain with a socket of its own and a home that it owns, introduced.
    void add_guest(DomId domain);
    void release(DomId domain);

    [[nodiscard]] std::string socket(DomId domain = DomId{0}) const;
    [[nodiscard]] hv::XsStore connect(DomId domain = DomId{0}) const;
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    /// As kill -9 of the process would: every connection and socket goes.
    void stop();

  private:
    struct Loop;

    std::filesystem::path directory_;
    std::unique_ptr<Loop> loop_;
};

/// Waits for the store's next event; fails the test after a long time without one.
hv::WatchEvent wait_event(hv::Store& store);

} // namespace pvscsi::test
