// A client of the store server that sends what it likes.
#pragma once

#include "common/base/unique_fd.hpp"
#include "common/hypervisor/host/store_wire.hpp"
#include "tests/support/store_host.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <initializer_list>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

namespace pvscsi::test {

/// A connection that sends what it likes.
class RawStoreClient {
  public:
    RawStoreClient(const StoreHost& host, DomId domain)
        : fd_(adopt_fd, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, host.socket(domain).c_str(), sizeof(address.sun_path) - 1);
        REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0)
                return; // the server has hung up: what the test is about
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// Sends without waiting for room; false when there is none.
    bool try_send(std::string_view bytes) {
        return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
    }

    /// The next message, or nothing when the server has hung up.
    std::optional<hv::host::StoreMessage> receive() {
        for (;;) {
            std::span<const char> unread(buffer_.data() + used_, filled_ - used_);
            const auto status = reader_.feed(unread);
            used_ = filled_ - unread.size();
            if (status == hv::host::StoreReader::Status::message)
                return reader_.message();
            pollfd readable{fd_.get(), POLLIN, 0};
            REQUIRE(::poll(&readable, 1, 30'000) == 1);
            const ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
            if (size <= 0)
                return {};
            used_ = 0;
            filled_ = static_cast<std::size_t>(size);
        }
    }

    hv::host::StoreMessage ask(hv::host::StoreOperation operation, std::string_view payload,
                               std::uint32_t txn = 0) {
        send(hv::host::encode(operation, 77, txn, payload));
        const auto reply = receive();
        REQUIRE(reply);
        CHECK(reply->request == 77);
        CHECK(reply->transaction == txn);
        return *reply;
    }
    /// The name of the error, or nothing.
    std::string error(hv::host::StoreOperation operation, std::string_view payload,
                      std::uint32_t txn = 0) {
        const auto reply = ask(operation, payload, txn);
        if (reply.operation != hv::host::StoreOperation::error)
            return {};
        CHECK(reply.payload.back() == '\0');
        return reply.payload.substr(0, reply.payload.size() - 1);
    }

  private:
    UniqueFd fd_;
    hv::host::StoreReader reader_;
    std::string buffer_ = std::string(65536, '\0');
    std::size_t used_ = 0;
    std::size_t filled_ = 0;
};

/// Each with its NUL.
inline std::string nul(std::initializer_list<std::string_view> strings) {
    std::string all;
    for (const auto text : strings)
        all.append(text).push_back('\0');
    return all;
}

} // namespace pvscsi::test
